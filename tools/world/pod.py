"""A pod of ours without a node: the Pod object, and the container that a kubelet would run for it, on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from world import cleanup
from world.assets import REPOSITORY, binary
from world.controlplane import ControlPlane, free_port
from world.http_json import Answer
from world.process import Process

_PROGRAM = Path(__file__).with_name("contained.py")
_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_STOP_SECONDS = 15


def can_contain() -> bool:
    """Whether this process may make mounts and change its root."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


def image_root(folder: Path) -> Path:
    """The image's files, laid out in this folder as for the image itself."""
    subprocess.run([REPOSITORY / "tools/image-root.sh", binary("portcullis"), folder], check=True)
    return folder


class Pod:
    """One Pod made from a template, and its only container in the image's files. The API server's word on both is asked."""

    def __init__(self, cluster: ControlPlane, template: dict[str, Any], namespace: str, name: str) -> None:
        self.cluster, self.namespace, self.name = cluster, namespace, name
        self.folder = cleanup.temporary_folder(name)
        self.spec = template["spec"]
        self.body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": template["metadata"] | {"name": name, "namespace": namespace},
            "spec": self.spec,
        }
        (self.container,) = self.spec["containers"]
        # It runs in this machine's own network: whoever starts it makes it listen there instead of on the container's.
        self.ports = {port["name"]: free_port() for port in self.container.get("ports", [])}
        self.tokens: list[str] = []  # that were in its files, the last one is

    # --- the object -------------------------------------------------------------------------------------------

    def create(self, query: str = "") -> Answer:
        """Asks the API server for the Pod; what admission thinks of it is the answer."""
        path = f"/api/v1/namespaces/{self.namespace}/pods{query}"
        return self.cluster.identity("admin").request("POST", path, self.body)

    def delete(self) -> None:
        """At once and for good: its tokens end with it."""
        self.cluster.kubectl("admin", "delete", "pod", self.name, "-n", self.namespace, "--grace-period=0", "--force")

    def new_token(self) -> str:
        """A token of its service account that is bound to this Pod, as kubelets ask for them."""
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={self.name}")
        account = self.spec["serviceAccountName"]
        made = self.cluster.kubectl("admin", "create", "token", account, "-n", self.namespace, "--duration=1h", *bound)
        return made.stdout.strip()

    # --- the container ----------------------------------------------------------------------------------------

    def write_account(self, token: str) -> None:
        """The service account's files, swapped all at once as a kubelet does it; may be called while it runs."""
        account = self.folder / "account"
        self.tokens.append(token)
        files = account / f"..{len(self.tokens)}"
        files.mkdir(parents=True)
        (files / "token").write_text(token)
        (files / "namespace").write_text(self.namespace)
        shutil.copy(self.cluster.ca, files / "ca.crt")
        for file in files.iterdir():
            os.chown(file, 0, self.spec["securityContext"]["fsGroup"])
            file.chmod(0o640)
        new = account / "..new"
        new.symlink_to(files.name)
        new.rename(account / "..data")
        for name in ("token", "namespace", "ca.crt"):
            if not (account / name).is_symlink():
                (account / name).symlink_to(f"..data/{name}")

    def start(self, root: Path, env: Mapping[str, str], files: Mapping[str, Path]) -> "Pod":
        """Runs the container in the image's files. env, files: what a cluster's webhooks or volumes would add."""
        security = self.spec["securityContext"] | self.container["securityContext"]
        assert security["runAsNonRoot"] and security["readOnlyRootFilesystem"]
        mounts = {"/proc": "/proc", "/dev": "/dev", _ACCOUNT_FOLDER: str(self.folder / "account")}
        mounts |= {inside: str(outside) for inside, outside in files.items()}
        for inside, outside in mounts.items():
            _make_mount_point(root / inside.lstrip("/"), Path(outside).is_dir())
        specification = {
            "root": str(root),
            "mounts": mounts,
            "user": security["runAsUser"],
            "group": security["runAsGroup"],
            "groups": [security["fsGroup"]],
            "command": ["/usr/bin/portcullis", *self.container["args"]],
            "env": self._environment() | dict(env),
            "at_parents_death": int(signal.SIGKILL),
        }
        command = [sys.executable, "-I", _PROGRAM, json.dumps(specification)]
        self.process = Process(self.name, command, self.folder / "log", grace=_STOP_SECONDS).start()
        return self

    def stop(self) -> int:
        return self.process.terminate(_STOP_SECONDS)

    def log(self) -> list[dict[str, Any]]:
        """What it has logged, line by line; what is no JSON is an error."""
        complete, _, _ = self.process.output().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def wait_for_message(self, text: str, timeout: float = 30) -> dict[str, Any]:
        """Waits until it has logged this message, and returns that line."""

        def find() -> dict[str, Any] | None:
            return next((line for line in self.log() if line["msg"] == text), None)

        return self.process.wait_until(find, timeout, f"the message {text!r}")

    def _environment(self) -> dict[str, str]:
        server = urlsplit(self.cluster.server)
        env = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
        fields = {"metadata.name": self.name, "metadata.namespace": self.namespace}
        for entry in self.container.get("env", []):
            env[entry["name"]] = (
                entry["value"] if "value" in entry else fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
            )
        return env


def _make_mount_point(path: Path, is_folder: bool) -> None:
    if is_folder:
        path.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
