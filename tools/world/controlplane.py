"""A real Kubernetes control plane for minutes: etcd and kube-apiserver, on request kube-controller-manager.

No cluster, no container, no root. It listens on loopback only, keeps its data in a temporary folder, and leaves
neither processes nor files behind.
"""

import os
import random
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from world import assets, cleanup, guards, users
from world.certificates import Authority, new_key, private_key_pem, public_key_pem, write_private
from world.process import Process, ProcessFailed
from world.users import User

_START_SECONDS = 60  # measured: 3; a loaded machine with a cold disk needs more
_CONTROLLERS = (  # what gives ownerReferences, namespace deletion and aggregated roles their meaning
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
)


class KubectlFailed(RuntimeError):
    def __init__(self, command: Sequence[str], result: subprocess.CompletedProcess[str]) -> None:
        super().__init__(f"$ {' '.join(command)}\nexit status {result.returncode}\n{result.stdout}{result.stderr}")
        self.result = result


class ControlPlane:
    """Start it, or use it as a context manager. `admin` is in system:masters; user() makes everybody else."""

    def __init__(self, controller_manager: bool = False, api_server_flags: Sequence[str] = ()) -> None:
        self._programs = assets.control_plane(controller_manager)
        self._with_controller_manager = controller_manager
        self._extra_flags = list(api_server_flags)
        self.folder = cleanup.temporary_folder("controlplane")
        self._authority = Authority("portcullis-world")
        self._users: dict[str, User] = {}
        self.ca = write_private(self.folder / "ca.crt", self._authority.certificate_pem)
        self._write_service_account_keys()
        self.etcd = self._make_etcd()
        self._choose_port()
        self.controller_manager: Process | None = None

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> "ControlPlane":
        """Returns when the API server is ready and the namespace default exists. Raises with the server's log."""
        cleanup.at_end(self.stop)
        try:
            self.etcd.start()
            self.etcd.wait_until(self._etcd_is_healthy, _START_SECONDS, "etcd healthy", interval=0.02)
            self._start_api_server()
            if self._with_controller_manager:
                self.controller_manager = self._make_controller_manager().start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends all servers at once. Harmless if they are gone.

        SIGKILL on purpose: kube-apiserver spends a minute on SIGTERM while anybody holds a watch, and the data is
        thrown away anyway. etcd goes last, because the API server never ends without it.
        """
        cleanup.forget(self.stop)
        for process in (self.controller_manager, self.api_server, self.etcd):
            if process is not None:
                process.kill9()

    def restart_api_server(self) -> None:
        """Kills the API server and starts it again at the same address, with the same data."""
        self.api_server.restart()
        self._wait_for_api_server()

    def __enter__(self) -> "ControlPlane":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- people -----------------------------------------------------------------------------------------------

    @property
    def admin(self) -> Path:
        return self.identity("admin").kubeconfig

    def user(self, name: str, groups: Sequence[str] = (), uid: str | None = None) -> Path:
        """The kubeconfig of a user with a client certificate of their own. The same name gives the same user."""
        if name not in self._users:
            certificate, key = self._authority.user(name, groups, uid)
            self._users[name] = users.with_certificate(
                name, self.server, self.ca, certificate, key, self._user_folder(name)
            )
        return self._users[name].kubeconfig

    def service_account(self, namespace: str, name: str) -> Path:
        """The kubeconfig of a service account, with a token from the API server (TokenRequest) in a file."""
        user = f"system:serviceaccount:{namespace}:{name}"
        if user not in self._users:
            token = self.kubectl("admin", "create", "token", name, "-n", namespace, "--duration=24h").stdout.strip()
            self._users[user] = users.with_token(user, self.server, self.ca, token, self._user_folder(user))
        return self._users[user].kubeconfig

    def identity(self, name: str) -> User:
        """A user made before, for plain requests: identity("alice").request("GET", "/apis")."""
        return self._users[name]

    # --- use --------------------------------------------------------------------------------------------------

    def kubectl(
        self,
        user: str | Path,
        *args: str | Path,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Runs the real kubectl as this user (a name, or a kubeconfig). With check, a failure is KubectlFailed."""
        kubeconfig = user if isinstance(user, Path) else self._users[user].kubeconfig
        command = [str(self._programs / "kubectl"), *map(str, args)]
        result = subprocess.run(
            command, input=input, text=True, capture_output=True, timeout=timeout, env=self.kubectl_env(kubeconfig)
        )
        if check and result.returncode != 0:
            raise KubectlFailed(["kubectl", *map(str, args)], result)
        return result

    def kubectl_env(self, kubeconfig: Path) -> dict[str, str]:
        """An environment in which kubectl, and plugins of it, work as this user and touch nobody's home."""
        return os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(self.folder),
            "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
            "PATH": f"{self._programs}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def apply(self, what: Path | str, user: str | Path = "admin") -> str:
        """Applies a file, a folder (with kustomize where it has a kustomization), or YAML text."""
        if isinstance(what, str):
            return self.kubectl(user, "apply", "-f", "-", input=what).stdout
        names = ("kustomization.yaml", "kustomization.yml", "Kustomization")
        flag = "-k" if any((what / name).exists() for name in names) else "-f"
        return self.kubectl(user, "apply", flag, what).stdout

    def namespace(self, name: str) -> str:
        """Makes the namespace if it is not there; returns its name."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        answer = self.identity("admin").request("POST", "/api/v1/namespaces", body)
        if answer.status not in (201, 409):
            raise RuntimeError(f"namespace {name}: {answer.status} {answer.message}")
        return name

    def wait_for_crds(self, timeout: float = 30) -> None:
        """Waits until every kind of portcullis.dev is served. There must be one."""
        guards.wait_for_crds(self.identity("admin"), timeout)

    def wait_for_guards(self, timeout: float = 30) -> None:
        """Waits until the API server stamps requesters and refuses those without the verb (seconds after the CRDs)."""
        guards.wait_for_guards(self.identity("admin"), timeout)

    # --- the servers ------------------------------------------------------------------------------------------

    def _write_service_account_keys(self) -> None:
        key = new_key()
        write_private(self.folder / "service-account.key", private_key_pem(key))
        write_private(self.folder / "service-account.pub", public_key_pem(key))

    def _make_etcd(self) -> Process:
        """Its clients come over a unix socket in our folder: no port to clash, and nobody else can connect."""
        nobody = "http://127.0.0.1:1"  # a single member is asked to name a peer address, which nobody will use
        return Process(
            "etcd",
            [
                self._programs / "etcd",
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls=unix://{self.etcd_socket}",
                f"--advertise-client-urls={nobody}",
                f"--listen-peer-urls=unix://{self.folder / 'peer.sock'}",
                f"--initial-advertise-peer-urls={nobody}",
                f"--initial-cluster=default={nobody}",
                "--unsafe-no-fsync",
                "--heartbeat-interval=10",
                "--election-timeout=100",
                "--log-level=warn",
            ],
            self.folder / "etcd.log",
        )

    @property
    def etcd_socket(self) -> Path:
        """Where etcd is reached, beneath all that the API server checks (see etcd.py)."""
        return self.folder / "etcd.sock"

    def _etcd_is_healthy(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.etcd_socket))
                connection.sendall(b"GET /health HTTP/1.0\r\nHost: etcd\r\n\r\n")
                return b'"health":"true"' in connection.makefile("rb").read()
            except OSError:
                return False

    def _choose_port(self) -> None:
        """A port below those that the kernel hands to clients; everything that names it is made anew."""
        self._port = free_port()
        self.server = f"https://127.0.0.1:{self._port}"
        self._users.clear()
        self.user("admin", ["system:masters"])
        self.api_server = self._make_api_server()

    def _make_api_server(self) -> Process:
        hosts = ["127.0.0.1", "10.0.0.1", "localhost", "kubernetes.default.svc", "kubernetes.default", "kubernetes"]
        certificate, key = self._authority.server("kube-apiserver", hosts)
        return Process(
            "kube-apiserver",
            [
                self._programs / "kube-apiserver",
                f"--etcd-servers=unix://{self.etcd_socket}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self._port}",
                f"--tls-cert-file={write_private(self.folder / 'server.crt', certificate)}",
                f"--tls-private-key-file={write_private(self.folder / 'server.key', key)}",
                f"--client-ca-file={self.ca}",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self.folder / 'service-account.pub'}",
                f"--service-account-signing-key-file={self.folder / 'service-account.key'}",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--disable-admission-plugins=ServiceAccount",  # no pods here
                "--allow-privileged=false",
                *self._extra_flags,
            ],
            self.folder / "kube-apiserver.log",
        )

    def _start_api_server(self) -> None:
        for attempts_left in (2, 1, 0):
            try:
                self.api_server.start()
                self._wait_for_api_server()
                return
            except ProcessFailed:
                taken = "address already in use" in self.api_server.output()
                self.api_server.kill9()
                if not taken or attempts_left == 0:
                    raise
                self._choose_port()

    def _wait_for_api_server(self) -> None:
        admin = self.identity("admin")

        def is_ready() -> bool:
            try:
                return all(
                    admin.request("GET", path, timeout=2).status == 200
                    for path in ("/readyz", "/api/v1/namespaces/default")
                )
            except OSError:
                return False

        self.api_server.wait_until(is_ready, _START_SECONDS, "the API server ready")

    def _make_controller_manager(self) -> Process:
        kubeconfig = self.user("system:kube-controller-manager")
        return Process(
            "kube-controller-manager",
            [
                self._programs / "kube-controller-manager",
                f"--kubeconfig={kubeconfig}",
                f"--controllers={','.join(_CONTROLLERS)}",
                "--use-service-account-credentials",
                f"--service-account-private-key-file={self.folder / 'service-account.key'}",
                f"--root-ca-file={self.ca}",
                "--leader-elect=false",
                "--secure-port=0",
            ],
            self.folder / "kube-controller-manager.log",
        )

    def _user_folder(self, name: str) -> Path:
        return self.folder / "users" / re.sub(r"[^A-Za-z0-9._-]", "_", name)


def free_port() -> int:
    """A loopback port that nobody listens on now, below the range from which the kernel serves clients."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port between 20000 and 32000")
