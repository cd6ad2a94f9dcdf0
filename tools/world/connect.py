"""Can somebody get in? By a real TCP connection from a network namespace, else by the word of the lab's judge."""

import subprocess
import sys
from pathlib import Path

from world.lab import Lab

CONNECTED, REFUSED, TIMEOUT = "connected", "refused", "timeout"

_PROGRAM = Path(__file__).with_name("connect_once.py")


def connect(netns: str | None, address: str, port: int, timeout: float = 2) -> str:
    """Opens one TCP connection from this network namespace (None: from ours) and closes it.

    "connected", "refused" (no listener, packets pass), or "timeout" (packets are dropped). Anything else is an error.
    """
    command = [sys.executable, "-I", str(_PROGRAM), address, str(port), str(timeout)]
    if netns is not None:
        command = ["ip", "netns", "exec", netns, *command]
    result = subprocess.run(command, text=True, capture_output=True, timeout=timeout + 30)
    word = result.stdout.strip()
    if result.returncode != 0 or word not in (CONNECTED, REFUSED, TIMEOUT):
        raise RuntimeError(f"connect {address}:{port} from {netns}: {word} {result.stderr.strip()}")
    return word


class Laptop:
    """A host outside the cloud: its name in the lab's seed, and the address it comes from."""

    def __init__(self, lab: Lab, name: str, address: str) -> None:
        self._lab = lab
        self.name = name
        self.address = address

    @property
    def is_real(self) -> bool:
        """Whether attempts are real connections, rather than questions to the judge."""
        return self._lab.dataplane == "netns" and self.name in self._lab.namespaces

    def connect(self, machine: str, address: str, port: int, timeout: float = 2) -> str:
        """Tries to reach a machine, given by its name and one of its addresses. Words as connect() says."""
        if self.is_real:
            return connect(self._lab.namespaces[self.name], address, port, timeout)
        return CONNECTED if self._lab.connect(self.address, machine, port)["allowed"] else TIMEOUT
