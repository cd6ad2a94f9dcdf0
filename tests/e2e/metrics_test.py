"""What the operator tells those who watch over it: probes and Prometheus."""

import re
import signal
import time
from collections.abc import Iterator

import pytest
from team import Team, parse_time
from world.assets import REPOSITORY
from world.operator import Operator
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

ACTIVE = 'portcullis_requests{state="Active"}'
OLDEST = "portcullis_oldest_overdue_close_seconds"
LIFE = 35  # seconds; what has less than 30 left is not opened any more
SERVER_ERROR = {"kind": "status", "status": 500, "body": {"error": {"code": "InternalServerError", "message": "no"}}}


def ready(operator: Operator) -> int:
    return operator.health("/readyz")[0]


def counted(operator: Operator, wanted: dict[str, float]) -> dict[str, float]:
    """What is counted once it says so: objects are counted in the operator's caches, which hear of its own writes last."""

    def seen() -> dict[str, float] | None:
        metrics = operator.metrics()
        return metrics if wanted.items() <= metrics.items() else None

    return wait_for(seen, 10, f"metrics {wanted}")


def test_what_is_overdue_grows_while_the_cloud_refuses_and_is_nothing_when_it_has_mended(
    team: Team, world: World
) -> None:
    operator = world.operator
    machine = team.machine()
    team.policy(machine)
    # What other tests left goes by itself.
    before = counted(operator, {ACTIVE: 0, "portcullis_grants_open": 0})
    assert before[OLDEST] == 0 and before["portcullis_overdue_closes"] == 0
    request = team.request(machine, duration=f"{LIFE}s")
    expires = parse_time(request.wait_state("Active")["status"]["expiresAt"])
    opened = counted(operator, {ACTIVE: before[ACTIVE] + 1})
    assert opened["portcullis_grants_open"] == before["portcullis_grants_open"] + 1
    assert opened[OLDEST] == 0
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"
    team.lab.faults([{"match": {"method": "DELETE", "path": path}, "times": -1, "action": SERVER_ERROR}])

    def overdue_by(seconds: float) -> dict[str, float] | None:
        seen = operator.metrics()
        return seen if seen[OLDEST] >= seconds else None

    first = wait_for(lambda: overdue_by(2), expires - time.time() + 10, "something overdue")
    second = wait_for(lambda: overdue_by(first[OLDEST] + 3), 10, "more overdue")
    for seen in (first, second):
        # By the clock, and by nothing else: how long ago the grant ended.
        assert seen[OLDEST] <= time.time() - expires + 1
        assert seen["portcullis_overdue_closes"] == 1
    failed = 'portcullis_rules_written_total{change="remove",class="close",outcome="failed"}'
    assert second[failed] > before[failed]
    refused = 'portcullis_cloud_requests_total{code="5xx",method="DELETE"}'
    assert second[refused] > before.get(refused, 0)
    assert ready(operator) == 200  # it does what it can: to start it anew would help nobody

    team.lab.faults([])
    request.wait_state("Expired", timeout=40)
    mended = counted(operator, {OLDEST: 0, "portcullis_overdue_closes": 0})
    assert mended["portcullis_grants_open"] == before["portcullis_grants_open"]
    done = 'portcullis_rules_written_total{change="remove",class="close",outcome="succeeded"}'
    assert mended[done] > before[done]


def test_what_is_served_is_what_the_reference_explains(team: Team, world: World) -> None:
    team.policy(team.machine())
    names = {sample.split("{")[0] for sample in world.operator.metrics()}
    for suffix in ("_bucket", "_sum", "_count"):
        names = {name.removesuffix(suffix) for name in names}
    reference = (REPOSITORY / "docs/reference.md").read_text()
    assert names == set(re.findall(r"^\| `(portcullis_\w+)` \|", reference, re.MULTILINE))


@pytest.fixture
def standby(world: World) -> Iterator[Operator]:
    """A second replica beside the one that leads."""
    account = world.cluster.service_account(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT)
    replica = Operator(account, world.lab, name="standby", flags=["--identity=standby"])
    yield replica
    replica.stop()


def test_a_replica_that_waits_for_the_lease_is_ready(world: World, standby: Operator) -> None:
    standby.start(wait=False)
    wait_for(lambda: ready(standby) == 200, 15, "the standby ready")
    assert standby.health("/readyz")[1] == "ready: standby\n"
    assert world.operator.health("/readyz")[1] == "ready: leader\n"
    assert standby.health("/healthz")[0] == 200
    waits, leads = standby.metrics(), world.operator.metrics()
    assert (waits["portcullis_leader"], leads["portcullis_leader"]) == (0, 1)
    assert OLDEST not in waits and OLDEST in leads
    assert leads["portcullis_guard_holds"] == 1


def test_it_is_alive_at_once_and_ready_when_it_has_read_everything(world: World) -> None:
    world.operator.stop()
    world.cluster.api_server.pause()
    try:
        world.operator.process.start()
        wait_for(lambda: world.operator.health("/healthz")[0] == 200, 10, "alive")
        status, text = world.operator.health("/readyz")
        assert status == 503
        assert text == "not ready\n- the API server has not said yet who this operator is\n"
    finally:
        world.cluster.api_server.resume()
    wait_for(lambda: ready(world.operator) == 200, 30, "ready")
    assert world.operator.health("/readyz")[1].startswith("ready: leader\n")


def test_who_stops_is_not_ready(team: Team, world: World) -> None:
    machine = team.machine()
    team.policy(machine)
    match = {"method": "PUT", "path": f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"}
    team.lab.faults([{"match": match, "times": 1, "action": {"kind": "slowOperation", "seconds": 20}}])
    team.request(machine)
    wait_for(lambda: any("-open-" in each["path"] for each in team.writes(machine)), 15, "the rule sent")
    world.operator.process.signal(signal.SIGTERM)  # it waits up to five seconds for that write
    wait_for(lambda: world.operator.health("/readyz")[0] == 503, 3, "not ready")
    assert "- the operator is stopping\n" in world.operator.health("/readyz")[1]
    assert world.operator.health("/healthz")[0] == 200
    assert world.operator.stop() == 0
    team.lab.faults([])
    world.operator.start()
