"""Everything together: a control plane with our kinds and guards, a cloud, and the operator between them."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from world.assets import REPOSITORY
from world.connect import Laptop
from world.controlplane import ControlPlane
from world.lab import Lab
from world.operator import Operator

OPERATOR_NAMESPACE = "portcullis-system"
OPERATOR_ACCOUNT = "portcullis"


def install(cluster: ControlPlane, wait_for_guards: bool = True) -> None:
    """What an admin applies before the operator runs. Guards go first, so that no object is ever unguarded.

    Requests are refused for some seconds, until the guards are in force; who has other things to do may wait later.
    """
    cluster.apply(REPOSITORY / "manifests/admission")
    cluster.apply(REPOSITORY / "crds")
    cluster.apply(REPOSITORY / "manifests/rbac")
    cluster.wait_for_crds()
    if wait_for_guards:
        cluster.wait_for_guards()


def can_make_network_namespaces() -> bool:
    """Whether `--dataplane netns` can work here: root, iproute2, nftables, and a kernel that lets us."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft"))):
        return False
    name = f"portcullis-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    if not made:
        return False
    try:
        add_table = ["ip", "netns", "exec", name, "nft", "add", "table", "inet", "try"]
        return subprocess.run(add_table, capture_output=True).returncode == 0
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


class World:
    """A context manager; what is inside is up while it lasts: cluster, lab, operator."""

    def __init__(
        self,
        seed: Path | str | dict[str, Any],
        dataplane: str | None = None,
        operator_flags: Sequence[str] = (),
        controller_manager: bool = False,
        wait_for_guards: bool = True,
        api_server_flags: Sequence[str] = (),
    ) -> None:
        """dataplane: none, netns, or None for the best that works here. wait_for_guards: see install()."""
        if dataplane is None:
            dataplane = "netns" if can_make_network_namespaces() else "none"
        self.cluster = ControlPlane(controller_manager, api_server_flags)
        self.lab = Lab(seed, dataplane)
        self._operator_flags = operator_flags
        self._wait_for_guards = wait_for_guards
        self.operator: Operator

    def start(self) -> "World":
        try:
            self.lab.start()
            self.cluster.start()
            install(self.cluster, self._wait_for_guards)
            self.cluster.service_account(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT)
            self.operator = self.replica("operator", self._operator_flags).start()
            if self._wait_for_guards:
                self.operator.wait_until_requests_are_trusted()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """The operator first, so that it does not complain about what goes away under it."""
        if hasattr(self, "operator"):
            self.operator.stop()
        self.cluster.stop()
        self.lab.stop()

    def replica(
        self, name: str, flags: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> Operator:
        """Another operator of the same service account, not started; name: of its log."""
        account = self.cluster.identity(f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}")
        return Operator(account.kubeconfig, self.lab, name=name, flags=flags, environment=environment)

    def laptop(self, name: str, address: str) -> Laptop:
        return Laptop(self.lab, name, address)

    def __enter__(self) -> "World":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
