"""Two replicas: one leads, one waits; whatever becomes of the leader, there is one writer, and soon there is one again."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from team import Machine, Team, parse_time
from world.lab import Lab
from world.process import wait_for
from world.world import OPERATOR_NAMESPACE, World

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/portcullis"
TAKES_OVER = 20  # seconds from a leader's sudden death until the other one has acted
LOST_LEASE = 5  # exit code
LIFE = 40  # seconds; what has less than 30 left is not opened any more


class Pair:
    """The replicas "one", which leads at first, and "two"."""

    def __init__(self, world: World) -> None:
        self.world, self.lab = world, world.lab
        self.one, self.two = (
            world.replica(f"operator-{name}", (f"--identity=replica-{name}", "--inventory-period=3s"))
            for name in ("one", "two")
        )
        self.one.start()
        self.two.start(wait=False)
        self.two.process.wait_for_line("waiting for the lease", 10)
        wait_for(lambda: self.two.health("/readyz")[0] == 200, 10, "the second replica sees who leads")

    def lease(self) -> dict[str, Any]:
        answer = self.world.cluster.identity("admin").request("GET", LEASE)
        return answer.body["spec"] if answer.status == 200 else {}

    def wait_leader(self, name: str, timeout: float) -> None:
        wait_for(lambda: self.lease().get("holderIdentity") == f"replica-{name}", timeout, f"{name} leads")

    def sent_by(self, name: str, since: int = 0) -> list[dict[str, Any]]:
        """What the replica asked of the cloud, by the lab's log, after the line of that number."""
        return [
            each for each in self.lab.requests() if f"(replica-{name})" in each["userAgent"] and each["seq"] > since
        ]

    def writes_by(self, name: str, since: int = 0) -> list[dict[str, Any]]:
        return [each for each in self.sent_by(name, since) if each["method"] not in ("GET", "POST")]

    def last_line(self) -> int:
        return max((each["seq"] for each in self.lab.requests()), default=0)


@pytest.fixture
def pair(team: Team, world: World) -> Iterator[Pair]:
    """In place of the world's operator."""
    assert world.operator.stop() == 0
    team.lab.forget_requests()
    pair = Pair(world)
    try:
        yield pair
    except BaseException:
        for replica in (pair.one, pair.two):
            print(f"--- {replica.process.name}\n{replica.log()}")
        raise
    finally:
        for replica in (pair.one, pair.two):
            replica.process.resume()
            replica.stop()
        world.operator.start()


def wait_closed(team: Team, machine: Machine, timeout: float) -> None:
    wait_for(lambda: not team.open_rules(machine), timeout, f"no open rule in {machine.nsg}")


def test_who_waits_for_the_lease_asks_nothing_of_the_cloud_and_writes_nothing(team: Team, pair: Pair) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Revoked")
    assert pair.lease()["holderIdentity"] == "replica-one"
    assert pair.writes_by("one") and pair.sent_by("two") == []
    for word in ("transition", "rule written", "reconcile", "Became leader"):
        assert word not in pair.two.log()
    metrics = [each.metrics() for each in (pair.one, pair.two)]
    assert [each["portcullis_leader"] for each in metrics] == [1, 0]
    # It does not wait for nothing: there is one who can.
    assert pair.two.stop() == 0
    assert pair.lease()["holderIdentity"] == "replica-one"


def test_after_the_leader_was_killed_the_other_one_opens_and_closes_within_20_s(team: Team, pair: Pair) -> None:
    """Also what was half done is finished once: two replicas never make two rules for one slot."""
    ends_in_between, asked_in_between, half_done = team.machine(), team.machine(), team.machine()
    team.policy(ends_in_between, asked_in_between, half_done, limits={"activePerRequester": 2})
    short = team.request(ends_in_between, duration=f"{LIFE}s")
    ends = parse_time(short.wait_state("Active")["status"]["expiresAt"])
    transitions = pair.lease()["leaseTransitions"]
    time.sleep(max(0.0, ends - 6 - time.time()))  # its end comes while nobody leads
    put = {"method": "PUT", "path": f"/networkSecurityGroups/{half_done.nsg}/securityRules/portcullis-.*-open-"}
    team.lab.faults([{"match": put, "times": 1, "action": {"kind": "delay", "seconds": 30}}])
    half = team.request(half_done, name="half", user="carol")
    wait_for(lambda: team.open_rules(half_done), 5, "the rule is written, its writer not told")
    pair.one.kill9()
    killed = time.monotonic()
    line = pair.last_line()
    request = team.request(asked_in_between, name="second", user="carol")
    request.wait_state("Active", timeout=TAKES_OVER)
    wait_closed(team, ends_in_between, TAKES_OVER - (time.monotonic() - killed))
    took = time.monotonic() - killed
    print(f"both within {took:.1f} s")
    assert took <= TAKES_OVER
    short.wait_state("Expired")
    half.wait_state("Active")
    assert len(team.slots(half_done)) == 1
    assert [each["method"] for each in team.writes(half_done) if "-open-" in each["path"]] == ["PUT"]
    lease = pair.lease()
    assert lease["holderIdentity"] == "replica-two" and lease["leaseTransitions"] == transitions + 1
    assert pair.writes_by("one", line) == [] and pair.writes_by("two", line)


def test_a_leader_that_is_told_to_end_hands_over_at_once(team: Team, pair: Pair) -> None:
    machine = team.machine()
    team.policy(machine)
    open_already = team.request(machine)
    open_already.wait_state("Active")
    rules = team.open_rules(machine)
    assert pair.one.stop() == 0
    ended = time.monotonic()
    line = pair.last_line()
    request = team.request(machine, name="second", user="carol")
    pair.wait_leader("two", 5)
    request.wait_state("Active", timeout=8 - (time.monotonic() - ended))
    assert open_already.state == "Active" and team.open_rules(machine)
    assert {each["name"] for each in rules} <= {each["name"] for each in team.open_rules(machine)}
    assert pair.writes_by("one", line) == []


def test_a_leader_that_was_paused_and_wakes_up_opens_nothing(team: Team, pair: Pair) -> None:
    """It is paused in the middle of a pass, with the cloud's answer under way: when it wakes, all that is left to do is
    the write."""
    returned, wanted, expiring, unlocked = team.machine(), team.machine(), team.machine(), team.machine()
    team.policy(returned, wanted, expiring, limits={"activePerRequester": 3})
    given_back = team.request(returned)
    given_back.wait_state("Active")
    short = team.request(expiring, name="short", duration=f"{LIFE}s")
    short.wait_state("Active")
    # Nobody can open this one, so there is something to do for whoever thinks that he leads.
    refused = {"method": "PUT", "path": f"/networkSecurityGroups/{wanted.nsg}/securityRules/portcullis-.*-open-"}
    lock = {"method": "PUT", "path": f"/networkSecurityGroups/{unlocked.nsg}/securityRules/portcullis-.*-lock-"}
    read = {"method": "GET", "path": f"/networkSecurityGroups/{unlocked.nsg}\\?"}
    team.lab.faults([
        {"match": refused, "times": -1, "action": {"kind": "status", "status": 503}},
        {"match": lock, "times": -1, "action": {"kind": "status", "status": 503}},
        {"match": read, "times": -1, "action": {"kind": "delay", "seconds": 1}},
    ])
    team.request(wanted, name="wanted", user="carol")
    team.policy(unlocked, name="unlocked", wait=False)
    for machine in (wanted, unlocked):
        wait_for(lambda nsg=machine.nsg: [each for each in pair.writes_by("one") if nsg in each["path"]], 15, "one tries")

    def reads_before_a_write() -> bool:
        # After a write that failed it is read once more; a pass begins some time later.
        times = [parse_time(each["time"]) for each in team.requests(unlocked)]
        return time.time() - times[-1] < 0.5 and times[-1] - times[-2] > 1.5

    wait_for(reads_before_a_write, 30, "a reading under way", interval=0.02)
    pair.one.process.pause()
    line = pair.last_line()
    pair.wait_leader("two", TAKES_OVER)
    wait_for(lambda: [each for each in pair.writes_by("two", line) if wanted.nsg in each["path"]], 15, "two tries")
    given_back.patch({"spec": {"revoke": True}}, user="alice")
    given_back.wait_state("Revoked")
    assert pair.writes_by("one", line) == []

    pair.one.process.resume()
    wait_for(lambda: not pair.one.process.running, 15, "the first one ends")
    assert pair.one.process.exit_status == LOST_LEASE
    late = pair.writes_by("one", line)
    # What is past its own end may be closed by anybody.
    assert all(each["method"] == "DELETE" and expiring.nsg in each["path"] for each in late), late
    assert not team.open_rules(returned)

    team.lab.faults([])
    team.object("accessrequests", "wanted").wait_state("Active", timeout=40)
    short.wait_state("Expired", timeout=LIFE)
    assert pair.lease()["holderIdentity"] == "replica-two"


def test_a_lease_that_is_deleted_stays_with_who_had_it(team: Team, pair: Pair) -> None:
    pair.world.cluster.identity("admin").request("DELETE", LEASE)
    pair.wait_leader("one", 10)
    machine = team.machine()
    team.policy(machine)
    team.request(machine).wait_state("Active")
    assert pair.one.process.running and "Became leader" not in pair.two.log()
    assert pair.sent_by("two") == []


def test_a_lease_that_is_given_to_nobody_ends_the_leader_and_the_other_one_waits_for_its_time(
    team: Team, pair: Pair, lab: Lab
) -> None:
    admin = pair.world.cluster.identity("admin")
    patch = {"spec": {"holderIdentity": ""}}
    assert admin.request("PATCH", LEASE, patch, content_type="application/merge-patch+json").status == 200
    wait_for(lambda: not pair.one.process.running, 10, "the first one ends")
    assert pair.one.process.exit_status == LOST_LEASE
    line = pair.last_line()
    pair.wait_leader("two", TAKES_OVER)
    machine = team.machine()
    team.policy(machine)
    team.request(machine).wait_state("Active")
    assert pair.writes_by("one", line) == []
