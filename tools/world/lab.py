"""The lab: a cloud on this machine that speaks ARM, with an admin interface for what only a test may do."""

import itertools
import json
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from world import assets, cleanup, http_json
from world.http_json import Answer
from world.process import Process

_START_SECONDS = 30
_number = itertools.count()


class Lab:
    """Start it, or use it as a context manager. The seed is the YAML of machines, networks and NSGs to begin with."""

    def __init__(self, seed: Path | str | dict[str, Any], dataplane: str = "none", flags: tuple[str, ...] = ()) -> None:
        """seed: a file, YAML text, or a document; dataplane: none, or netns (real network namespaces, needs root)."""
        self.folder = cleanup.temporary_folder("lab")
        self.seed = seed if isinstance(seed, Path) else self._write_seed(seed)
        self._ready_file = self.folder / "ready.json"
        command = [
            assets.binary("portcullis-lab"),
            f"--seed={self.seed}",
            "--listen=127.0.0.1:0",
            f"--dataplane={dataplane}",
            f"--name=w{os.getpid()}-{next(_number)}",  # worlds may stand side by side
            f"--state-dir={self.folder / 'state'}",
            *flags,
        ]
        # It takes its namespaces down on SIGTERM, so it gets the time for that.
        self.process = Process("portcullis-lab", command, self.folder / "lab.log", stdout=self._ready_file, grace=10)

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> "Lab":
        (self.folder / "state").mkdir(exist_ok=True)
        self.process.start()
        try:
            self.process.wait_until(self._ready_line, _START_SECONDS, "its line of addresses")
        except BaseException:
            self.stop()
            raise
        self.addresses: dict[str, Any] = json.loads(self._ready_line())
        self._context = ssl.create_default_context(cafile=self.addresses["ca"])
        return self

    def stop(self) -> None:
        self.process.terminate()

    def __enter__(self) -> "Lab":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- where it is ------------------------------------------------------------------------------------------

    @property
    def arm(self) -> str:
        return self.addresses["arm"]

    @property
    def login(self) -> str:
        return self.addresses["login"]

    @property
    def ca(self) -> Path:
        return Path(self.addresses["ca"])

    @property
    def dataplane(self) -> str:
        return self.addresses["dataplane"]

    @property
    def namespaces(self) -> dict[str, str]:
        """Network namespaces by client name, and by "vm/" and machine name; empty without a dataplane."""
        return self.addresses.get("namespaces") or {}

    # --- what only a test may do ------------------------------------------------------------------------------

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """The request log, oldest first: seq, time, method, path, status, userAgent."""
        log = self._ask("GET", "/requests").body
        return [entry for entry in log if method is None or entry["method"] == method]

    def writes(self) -> list[dict[str, Any]]:
        """What was asked to change something."""
        return [entry for entry in self.requests() if entry["method"] in ("PUT", "PATCH", "DELETE")]

    def forget_requests(self) -> None:
        self._ask("DELETE", "/requests")

    def faults(self, faults: Any) -> None:
        """Sets how the lab misbehaves from now on; see its documentation for the document."""
        self._ask("POST", "/faults", faults)

    def lift_fault(self, name: str) -> None:
        """Takes the fault of this id away."""
        self._ask("DELETE", f"/faults/{quote(name)}")

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Changes how the lab behaves (docs/lab.md); all settings as they are then."""
        return self._ask("PATCH", "/settings", changes).body

    def nsg(self, resource_group: str, name: str) -> dict[str, Any]:
        """The NSG as ARM would show it, without being logged as a request of anybody."""
        return self._ask("GET", f"/nsgs/{quote(resource_group)}/{quote(name)}").body

    def rules(self, resource_group: str, name: str) -> dict[str, dict[str, Any]]:
        """The properties of the NSG's own rules by name."""
        rules = self.nsg(resource_group, name)["properties"]["securityRules"]
        return {rule["name"]: rule["properties"] for rule in rules}

    def put_group(self, resource_group: str, name: str, rules: list[dict[str, Any]]) -> None:
        """Makes an NSG with these rules, in the seed's form, or replaces all rules of one."""
        self._ask("PUT", f"/nsgs/{quote(resource_group)}/{quote(name)}", {"rules": rules})

    def put_machine(self, resource_group: str, name: str, machine: dict[str, Any]) -> None:
        """Adds or replaces a machine, in the seed's form."""
        self._ask("PUT", f"/vms/{quote(resource_group)}/{quote(name)}", machine)

    def tag_machine(self, resource_group: str, name: str, tags: dict[str, str]) -> None:
        """Gives a machine other tags."""
        self._ask("PUT", f"/vms/{quote(resource_group)}/{quote(name)}/tags", tags)

    def move_subnet(self, resource_group: str, network: str, subnet: str, nsg: str | None) -> None:
        """Puts a subnet behind another NSG, or behind none."""
        path = f"/subnets/{quote(resource_group)}/{quote(network)}/{quote(subnet)}"
        self._ask("PATCH", path, {"nsg": nsg})

    def move_interface(self, resource_group: str, name: str, addresses: list[str]) -> None:
        """Gives an interface other private addresses: one for each that it has."""
        self._ask("PATCH", f"/nics/{quote(resource_group)}/{quote(name)}", {"addresses": addresses})

    def take_machine_away(self, resource_group: str, name: str) -> None:
        """As Azure does it: its interfaces stay."""
        self._ask("DELETE", f"/vms/{quote(resource_group)}/{quote(name)}")

    def remove_machine(self, resource_group: str, name: str) -> None:
        """With its interfaces. Harmless if it is gone."""
        self._ask("DELETE", f"/vms/{quote(resource_group)}/{quote(name)}?interfaces=delete", missing_is_fine=True)

    def remove_group(self, resource_group: str, name: str) -> None:
        """The NSG, with its rules. Harmless if it is gone."""
        self._ask("DELETE", f"/nsgs/{quote(resource_group)}/{quote(name)}", missing_is_fine=True)

    def recreate_machine(self, resource_group: str, name: str) -> None:
        """Another machine in its place: the same name, interfaces and addresses, another vmId."""
        self._ask("POST", f"/vms/{quote(resource_group)}/{quote(name)}/recreate", {})

    def denials(self, *denials: dict[str, str]) -> None:
        """What the operator's identity may not do from now on, and nothing else; lists leave out what it may not read."""
        self._ask("DELETE", "/denials")
        for denial in denials:
            self._ask("POST", "/denials", denial)

    def put_rule(self, resource_group: str, nsg: str, rule: str, properties: dict[str, Any]) -> None:
        """Somebody else, a portal user or Terraform, writes a rule."""
        self._ask("PUT", self._rule_path(resource_group, nsg, rule), {"properties": properties})

    def delete_rule(self, resource_group: str, nsg: str, rule: str) -> None:
        """Somebody else deletes a rule."""
        self._ask("DELETE", self._rule_path(resource_group, nsg, rule))

    def lock(self, scope: str, level: str = "CanNotDelete", name: str = "") -> None:
        """A management lock on an ARM id."""
        self._ask("POST", "/locks", {"scope": scope, "level": level} | ({"name": name} if name else {}))

    def unlock(self, name: str) -> None:
        """Takes the locks of this name away."""
        self._ask("DELETE", f"/locks/{quote(name)}")

    def deny(self, action: str, scope: str = "") -> None:
        """RBAC: nobody may do that there any more; lists leave out what may not be read."""
        self._ask("POST", "/denials", {"action": action, "scope": scope})

    def forget_tokens(self) -> None:
        """All tokens given out stop working."""
        self._ask("DELETE", "/tokens")

    def lift(self) -> None:
        """Takes all locks and denials away."""
        for what in ("/locks", "/denials"):
            self._ask("DELETE", what)

    def connect(self, client: str, machine: str, port: int, protocol: str = "Tcp") -> dict[str, Any]:
        """The judge's word on a new flow from this address: {"allowed": bool, "rule": the rule that decides}."""
        flow = {"from": client, "to": machine, "port": port, "protocol": protocol}
        return self._ask("POST", "/connect", flow).body

    # ----------------------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Any = None, missing_is_fine: bool = False) -> Answer:
        answer = http_json.request(self.addresses["admin"], self._context, method, path, body)
        if answer.status >= 300 and not (answer.status == 404 and missing_is_fine):
            raise RuntimeError(f"lab: {method} {path}: {answer.status} {answer.message or answer.body}")
        return answer

    @staticmethod
    def _rule_path(resource_group: str, nsg: str, rule: str) -> str:
        return f"/nsgs/{quote(resource_group)}/{quote(nsg)}/rules/{quote(rule)}"

    def _ready_line(self) -> str:
        line, newline, _ = self._ready_file.read_text().partition("\n")
        return line if newline else ""

    def _write_seed(self, seed: str | dict[str, Any]) -> Path:
        path = self.folder / "seed.yaml"
        path.write_text(seed if isinstance(seed, str) else yaml.safe_dump(seed, sort_keys=False))
        return path
