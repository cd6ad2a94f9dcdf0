"""The operator as shipped: the program `portcullis operator`, against a real API server and the lab's cloud."""

import http.client
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from world import assets, cleanup
from world.certificates import write_private
from world.lab import Lab
from world.process import Process, wait_for

_START_SECONDS = 30
_STOP_SECONDS = 15


class Operator:
    """One replica. Start it, or use it as a context manager; kill9() and restart() are for tests of crashes."""

    def __init__(
        self,
        kubeconfig: Path,
        lab: Lab,
        instance: str = "worldlab",
        name: str = "operator",
        flags: Sequence[str] = (),
        client_secret: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """kubeconfig: whom it is to the API server. name: tells replicas apart in the logs.

        environment: what is set besides that of this process.
        """
        self.folder = cleanup.temporary_folder(name)
        self.client_secret = client_secret or secrets.token_hex(16)
        secret_file = write_private(self.folder / "client-secret", self.client_secret.encode())
        command = [
            assets.binary("portcullis"),
            "operator",
            f"--kubeconfig={kubeconfig}",
            f"--azure-arm-endpoint={lab.arm}",
            f"--azure-login-endpoint={lab.login}",
            f"--azure-ca-file={lab.ca}",
            f"--azure-client-secret-file={secret_file}",
            f"--instance={instance}",
            "--log-format=text",
            "--health-listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
            *flags,
        ]
        self.process = Process(name, command, self.folder / "operator.log", env=environment, grace=_STOP_SECONDS)

    def start(self, wait: bool = True) -> "Operator":
        """Returns when it says that it is ready; with wait=False at once, for a replica that waits for its turn."""
        self.process.start()
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, timeout: float = _START_SECONDS) -> None:
        self.process.wait_for_line(r"(?<!not )\bready\b", timeout)

    def wait_until_requests_are_trusted(self, timeout: float = _START_SECONDS) -> None:
        """A first operator refuses what was made while the guards were just being installed, and says until when."""
        self.process.wait_for_line(r"admission guards hold\b", timeout)
        told = re.findall(r"requests from before the admission guards are refused before=(\S+)", self.log())
        if told:
            trusted_from = datetime.fromisoformat(told[-1].replace("Z", "+00:00")).timestamp() + 1
            wait_for(lambda: time.time() >= trusted_from, timeout, "requests are trusted")

    # --- what it serves ---------------------------------------------------------------------------------------

    def port(self, what: str) -> int:
        """Where this run serves its health or metrics."""
        line = self.process.wait_for_line(rf"listening for={what} address=127\.0\.0\.1 port=(\d+)", _START_SECONDS)
        return int(line[1])

    def health(self, path: str) -> tuple[int, str]:
        """Status and text of /healthz or /readyz."""
        return _get(self.port("health"), path)

    def metrics(self) -> dict[str, float]:
        """The samples of /metrics, by name and labels as they are written there."""
        status, text = _get(self.port("metrics"), "/metrics")
        if status != 200:
            raise RuntimeError(f"/metrics: {status} {text}")
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def peak_memory(self) -> float:
        """The most that this run had in memory, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024

    # ----------------------------------------------------------------------------------------------------------

    def stop(self) -> int:
        """SIGTERM, as Kubernetes does it; its exit status."""
        return self.process.terminate(_STOP_SECONDS)

    def kill9(self) -> None:
        self.process.kill9()

    def restart(self) -> "Operator":
        """SIGKILL, start, ready again."""
        self.process.kill9()
        return self.start()

    def log(self) -> str:
        """What it logged in all its runs."""
        return self.process.log.read_text(errors="replace")

    def __enter__(self) -> "Operator":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
