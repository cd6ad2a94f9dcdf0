"""Where the story plays: one VM behind two NSGs in the lab, a real API server with people, the operator."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from world.connect import CONNECTED, REFUSED, TIMEOUT, Laptop
from world.world import World

HERE = Path(__file__).parent
MANIFESTS = Path(os.path.relpath(HERE / "manifests"))  # as a reader would type it
TEAM = "team-a"
MACHINE, PUBLIC_ADDRESS = "web-1", "20.50.0.4"
ADDRESSES = {"alice": "203.0.113.7", "stranger": "198.51.100.9"}
NSGS = ("nsg-subnet", "nsg-nic")
WORDS = {CONNECTED: "connected", REFUSED: "no listener", TIMEOUT: "no answer"}
_PATIENCE = 1.0  # seconds for a connection inside one machine; a dropped one costs all of it


class Scene:
    """A context manager: everything is up inside, and the people have their rights."""

    def __init__(self) -> None:
        self.world = World(HERE / "seed.yaml", wait_for_guards=False)

    def __enter__(self) -> "Scene":
        self.world.start()
        try:
            cluster = self.world.cluster
            cluster.namespace(TEAM)
            cluster.apply(MANIFESTS / "people.yaml")
            cluster.user("alice", ["engineers", "sre"])
            cluster.user("mallory", ["engineers"])
            self._laptops = {name: self.world.laptop(name, address) for name, address in ADDRESSES.items()}
        except BaseException:
            self.world.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.world.stop()

    # --- people -----------------------------------------------------------------------------------------------

    def wait_until_people_may_ask(self) -> None:
        """The API server looks at new admission policies every 5 s only, and refuses all requests before."""
        self.world.cluster.wait_for_guards()
        self.world.operator.wait_until_requests_are_trusted()

    def kubectl(self, user: str, *args: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.world.cluster.kubectl(user, *args, check=check)

    def object(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(self.kubectl("admin", "get", "-n", TEAM, kind, name, "-o", "json").stdout)

    # --- connections ------------------------------------------------------------------------------------------

    @property
    def real_connections(self) -> bool:
        return all(laptop.is_real for laptop in self._laptops.values())

    def laptop(self, name: str) -> Laptop:
        return self._laptops[name]

    def connect(self, attempts: list[tuple[str, int]]) -> list[str]:
        """Tries all of (who, port) at once; what each met, in the words of WORDS."""

        def attempt(who: str, port: int) -> str:
            return WORDS[self._laptops[who].connect(MACHINE, PUBLIC_ADDRESS, port, _PATIENCE)]

        with ThreadPoolExecutor(len(attempts)) as pool:
            return list(pool.map(lambda one: attempt(*one), attempts))

    # --- the cloud --------------------------------------------------------------------------------------------

    def nsgs(self) -> dict[str, str]:
        """Each NSG's JSON as the cloud shows it, but for etags, which count the writes."""
        return {name: json.dumps(_without_etags(self.world.lab.nsg("net", name)), indent=1) for name in NSGS}

    def foreign_rules(self) -> str:
        """All rules that are not Portcullis', as one text."""
        return json.dumps({name: self._rules(name, ours=False) for name in NSGS}, indent=1)

    def own_rules(self) -> list[str]:
        """Our rules, one line each, for people."""
        return [
            f"{nsg}: {rule['priority']} {rule['access']} {_ports(rule)} from {_sources(rule)}  ({name})"
            for nsg in NSGS
            for name, rule in sorted(self._rules(nsg, ours=True).items(), key=lambda item: item[1]["priority"])
        ]

    def writes(self) -> int:
        """How many requests have asked the cloud to change something."""
        return len(self.world.lab.writes())

    def _rules(self, nsg: str, ours: bool) -> dict[str, dict[str, Any]]:
        rules = self.world.lab.rules("net", nsg)
        return {name: rule for name, rule in rules.items() if name.startswith("portcullis-") == ours}

    # --- what is left -----------------------------------------------------------------------------------------

    def left_behind(self) -> str:
        """After the end: processes, network namespaces and folders of this scene that are still there."""
        world = self.world
        processes = [world.cluster.api_server, world.cluster.etcd, world.lab.process]
        folders = [world.cluster.folder, world.lab.folder]
        if hasattr(world, "operator"):
            processes.append(world.operator.process)
            folders.append(world.operator.folder)
        left = [process.name for process in processes if process.running]
        left += [str(folder) for folder in folders if folder.exists() and os.environ.get("PORTCULLIS_KEEP") != "1"]
        left += [name for name in world.lab.namespaces.values() if (Path("/run/netns") / name).exists()]
        return ", ".join(left) or "nothing"


def _without_etags(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_etags(inner) for key, inner in value.items() if key != "etag"}
    return [_without_etags(inner) for inner in value] if isinstance(value, list) else value


def _ports(rule: dict[str, Any]) -> str:
    ports = rule.get("destinationPortRanges") or [rule.get("destinationPortRange")]
    return f"{','.join(map(str, ports))}/{rule['protocol'].upper()}"


def _sources(rule: dict[str, Any]) -> str:
    return ", ".join(rule.get("sourceAddressPrefixes") or [str(rule.get("sourceAddressPrefix"))])
