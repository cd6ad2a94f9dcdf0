"""The story, step by step. Each step does what a person would do and looks at what came of it."""

from datetime import datetime
from pathlib import Path
from typing import Any

from demo.narrator import Narrator
from demo.scene import MANIFESTS, NSGS, TEAM, Scene

OPEN, SHUT = "connected", "no answer"
POLICY, REQUEST = "web-admin", "ssh-alice"
_CUTS = '{range .status.targets[*].cut[*]}{.port}{"  cuts "}{.sources}{"  let in by "}{.rule}{"\\n"}{end}'
_CLOSED_WITHIN = 5  # seconds from the end of a grant to the proof that it is closed


class Story:
    def __init__(self, scene: Scene, narrator: Narrator) -> None:
        self._scene = scene
        self._tell = narrator

    def play(self) -> None:
        self._stands_open()
        self._audit()
        self._enforce()
        self._mallory_is_refused()
        self._alice_comes_in()
        self._time_ends()
        self._leave()

    # --- steps ------------------------------------------------------------------------------------------------

    def _stands_open(self) -> None:
        self._tell.step(
            "A VM stands open to the internet",
            "web-1 answers on 22 (SSH) and 3389 (RDP) to anybody: somebody left rules for it in both network security "
            "groups on its way, the subnet's and its own. 443 is meant to be public.",
        )
        self._start = self._scene.nsgs()
        self._connections({("alice", 22): OPEN, ("stranger", 22): OPEN, ("stranger", 3389): OPEN})

    def _audit(self) -> None:
        self._tell.step(
            "The admin looks first: a policy in Audit",
            "It names the VM and the ports, lists whom a lock would cut off, and changes nothing.",
        )
        self._apply("account.yaml")
        self._apply("policy.yaml")
        self._wait(f"jitp/{POLICY}", "condition=Ready")
        self._run("admin", "get", "-n", TEAM, "jitp", POLICY, "-o", f"jsonpath={_CUTS}")
        target = self._scene.object("jitp", POLICY)["status"]["targets"][0]
        cut_rules = {cut["rule"] for cut in target.get("cut", [])}
        self._tell.observe("the policy says of web-1", "Audited", target["state"])
        for rule in ("nsg-nic/SSH", "nsg-nic/RDP", "nsg-subnet/temp-admin-access"):
            self._tell.observe(f"a lock would cut {rule}", "listed", "listed" if rule in cut_rules else "not listed")
        self._tell.observe("writes to the cloud", "0", str(self._scene.writes()))
        self._connections({("stranger", 22): OPEN})

    def _enforce(self) -> None:
        self._tell.step(
            "The admin enforces it",
            "Deny rules go into both NSGs, above what is there. Locked means: proven by reading the NSGs back.",
        )
        foreign = self._scene.foreign_rules()
        self._run("admin", "patch", "-n", TEAM, f"jitp/{POLICY}", "--type=merge", "-p",
                  '{"spec":{"enforcement":"Enforce"}}')
        self._wait(f"jitp/{POLICY}", "condition=Locked")
        self._run("admin", "get", "-n", TEAM, "jitp")
        self._tell.output("\n".join(self._scene.own_rules()))
        self._tell.observe("the policy is Ready", "True", self._condition("jitp", POLICY, "Ready"))
        self._connections(
            {("alice", 22): SHUT, ("alice", 3389): SHUT, ("stranger", 22): SHUT, ("stranger", 3389): SHUT,
             ("stranger", 443): OPEN}
        )
        same = self._scene.foreign_rules() == foreign
        self._tell.observe("the rules of others", "unchanged", "unchanged" if same else "changed")

    def _mallory_is_refused(self) -> None:
        self._tell.step(
            "Mallory asks, and may not",
            "She may file requests in this namespace, but lacks the verb `request` on this policy.",
        )
        self._scene.wait_until_people_may_ask()
        answer = self._run("mallory", "create", "-f", MANIFESTS / "request-mallory.yaml", check=False)
        words = "lacks the verb" in answer and '"request"' in answer and POLICY in answer
        self._tell.observe("her request", "refused, and told why", "refused, and told why" if words else "not so")

    def _alice_comes_in(self) -> None:
        self._tell.step(
            "Alice asks for SSH from her address",
            "The request opens port 22 for 203.0.113.7 alone, for 35 seconds.",
        )
        self._before_request = self._scene.nsgs()
        self._run("alice", "create", "-f", MANIFESTS / "request.yaml")
        self._wait(f"areq/{REQUEST}", "condition=Ready", user="alice")
        self._run("alice", "get", "-n", TEAM, "areq", REQUEST)
        status = self._scene.object("areq", REQUEST)["status"]
        self._tell.output(status["message"])
        self._tell.output("\n".join(self._scene.own_rules()))
        self._tell.observe("her request is", "Active", status["state"])
        self._tell.observe("rules opened for it", "1 in each NSG", self._opened(status))
        self._connections(
            {("alice", 22): OPEN, ("stranger", 22): SHUT, ("alice", 3389): SHUT, ("stranger", 443): OPEN}
        )

    def _time_ends(self) -> None:
        self._tell.step("The time ends", "Nobody does anything. It closes by itself, and says so when it is proven.")
        self._wait(f"areq/{REQUEST}", "jsonpath={.status.state}=Expired", user="alice")
        self._run("alice", "get", "-n", TEAM, "areq", REQUEST)
        status = self._scene.object("areq", REQUEST)["status"]
        late = _time(status["closedAt"]) - _time(status["expiresAt"])
        self._tell.observe("her request is", "Expired", status["state"])
        in_time = "yes" if 0 <= late <= _CLOSED_WITHIN else f"no, after {late:.0f} s"
        self._tell.observe(f"proven closed within {_CLOSED_WITHIN} s of its end", "yes", in_time)
        self._connections({("alice", 22): SHUT})
        self._same_as("before the request", self._before_request)

    def _leave(self) -> None:
        self._tell.step("The admin deletes the policy", "The locks go, proven, and only then the object.")
        self._run("admin", "delete", "-n", TEAM, f"jitp/{POLICY}", "--timeout=30s")
        self._same_as("at the start", self._start)
        self._connections({("stranger", 22): OPEN})

    # --- doing ------------------------------------------------------------------------------------------------

    def _run(self, user: str, *args: str | Path, check: bool = True) -> str:
        """kubectl as this user, shown as it would be typed; what it said."""
        self._tell.command(user, " ".join(["kubectl", *(_as_typed(arg) for arg in args)]))
        result = self._scene.kubectl(user, *args, check=check)
        said = result.stdout + result.stderr
        self._tell.output(said)
        return said

    def _apply(self, manifest: str) -> None:
        self._run("admin", "apply", "-f", MANIFESTS / manifest)

    def _wait(self, what: str, condition: str, user: str = "admin") -> None:
        self._run(user, "wait", "-n", TEAM, f"--for={condition}", what, "--timeout=50s")

    # --- looking ----------------------------------------------------------------------------------------------

    def _connections(self, expected: dict[tuple[str, int], str]) -> None:
        attempts = list(expected)
        for (who, port), seen in zip(attempts, self._scene.connect(attempts), strict=True):
            address = self._scene.laptop(who).address
            self._tell.observe(f"{who} ({address}) to web-1:{port}", expected[who, port], seen)

    def _same_as(self, when: str, nsgs: dict[str, str]) -> None:
        now = self._scene.nsgs()
        for name in NSGS:
            same = "byte-identical" if now[name] == nsgs[name] else "different"
            self._tell.observe(f"{name} now and {when}", "byte-identical", same)

    @staticmethod
    def _opened(status: dict[str, Any]) -> str:
        groups = sorted(rule["group"].rpartition("/")[2] for rule in status.get("rules", []))
        return "1 in each NSG" if groups == sorted(NSGS) else ", ".join(groups) or "none"

    def _condition(self, kind: str, name: str, condition: str) -> str:
        conditions = self._scene.object(kind, name)["status"]["conditions"]
        return next((one["status"] for one in conditions if one["type"] == condition), "absent")


def _as_typed(arg: str | Path) -> str:
    return f"'{arg}'" if any(character in str(arg) for character in '{}" ') else str(arg)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
