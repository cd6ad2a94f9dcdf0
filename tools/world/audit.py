"""A control plane that writes down what the operator asks of it."""

import json
from collections.abc import Iterable
from typing import Any

from world.controlplane import ControlPlane
from world.shipped import Key

_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["system:serviceaccount:portcullis-system:portcullis"]
- level: None
"""


class AuditedControlPlane(ControlPlane):
    def __init__(self, controller_manager: bool = False) -> None:
        super().__init__(controller_manager)
        policy = self.folder / "audit-policy.yaml"
        policy.write_text(_POLICY)
        self._record = self.folder / "audit.log"
        self._extra_flags += [f"--audit-policy-file={policy}", f"--audit-log-path={self._record}"]
        self.api_server = self._make_api_server()

    def asked(self) -> list[dict[str, Any]]:
        """Each request of the operator's service account that was answered, a watch when it began; oldest first."""
        text = self._record.read_text() if self._record.exists() else ""
        complete, _, _ = text.rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def versions(self, objects: Iterable[Key]) -> dict[Key, tuple[str, int]]:
        """Resource version and generation of those of them that are there."""
        wanted = set(objects)
        seen = {}
        kinds = ",".join(sorted({kind for kind, _, _ in wanted}))
        found = self.kubectl("admin", "get", kinds, "--all-namespaces", "--ignore-not-found", "-o", "json").stdout
        for item in json.loads(found or '{"items": []}')["items"]:
            metadata = item["metadata"]
            key = (item["kind"], metadata.get("namespace", ""), metadata["name"])
            if key in wanted:
                seen[key] = (metadata["resourceVersion"], metadata.get("generation", 0))
        return seen
