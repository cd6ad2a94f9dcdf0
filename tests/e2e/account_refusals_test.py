"""What is refused to a whole account at once: by a lock on its subscription, or since the account itself is gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from team import Object, Team, parse_time
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

ACCOUNT = Path(__file__).parent / "account.yaml"
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}"
SUBSCRIPTION = "/subscriptions/11111111-1111-4111-8111-111111111111"
WHO = "whoever set the management lock has to remove it"


def wait_told(request: Object, kind: str, status: str, *words: str) -> dict[str, Any]:
    def told() -> dict[str, Any] | None:
        found = request.condition(kind)
        return found if found.get("status") == status and all(each in found["message"] for each in words) else None

    return wait_for(told, 20, f"{kind}={status} with {words}", interval=0.2)


@pytest.fixture
def team(team: Team) -> Iterator[Team]:
    yield team
    team.lab.lift()


def test_a_lock_on_the_subscription_closes_what_it_lets_close_and_opens_nothing(team: Team) -> None:
    opening, closing = team.machine(), team.machine()
    team.policy(opening, name="opening", wait=False)
    team.policy(closing, name="closing", wait=False)
    for name in ("opening", "closing"):
        team.object("jitpolicies", name).wait_condition("Ready", "True")
    ends = team.request(closing, name="closing", policy="closing")
    ends.wait_state("Active")

    team.lab.lock(SUBSCRIPTION, "ReadOnly", "frozen")
    ends.patch({"spec": {"revoke": True}}, user="alice")
    begins = team.request(opening, name="opening", policy="opening")
    wait_told(begins, "Ready", "False", "ScopeLocked", f"'{SUBSCRIPTION}'", WHO)
    wait_told(ends, "Ready", "False", "ScopeLocked", f"'{SUBSCRIPTION}'", WHO)
    assert (begins.state, ends.state) == ("Opening", "Closing")
    assert not team.open_rules(opening) and team.open_rules(closing)

    team.lab.unlock("frozen")
    team.lab.lock(SUBSCRIPTION, "CanNotDelete", "kept")
    ends.wait_state("Revoked")
    wait_told(ends, "CleanupBlocked", "True", "ScopeLocked", f"'{SUBSCRIPTION}'", WHO)
    assert not team.lab.connect("alice", closing.name, 22)["allowed"]
    begins.wait_state("Active")

    team.lab.unlock("kept")
    wait_told(ends, "CleanupBlocked", "False")
    assert not team.open_rules(closing)


def test_a_grant_without_its_account_is_overdue_until_the_account_comes_back(team: Team, world: World) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    account = Object(world, "", "cloudaccounts", "prod")
    world.operator.kill9()  # so that nobody remembers it, or closes by what it remembers
    try:
        account.delete()
        account.patch({"metadata": {"finalizers": None}}, user=OPERATOR)  # as a restored copy of before would
        account.wait_gone()
        world.operator.restart()

        overdue = request.wait_condition("Overdue", "True", timeout=60)
        status = request.status
        assert status["state"] == "Closing" and team.open_rules(machine)
        assert parse_time(overdue["lastTransitionTime"]) >= parse_time(status["endedAt"]) + 29
        for words in ('CloudAccount "prod" does not exist', "nobody can prove that it is closed", "apply the account again",
                      "11111111-1111-4111-8111-111111111111", "portcullis reap"):
            assert words in status["message"], status["message"]
    finally:
        world.cluster.apply(ACCOUNT)
    status = request.wait_state("Revoked", timeout=30)["status"]
    assert "AccountNotFound" in {each["reason"] for each in status["conditions"]}
    assert request.condition("Overdue")["status"] == "False"
    assert not team.open_rules(machine)
