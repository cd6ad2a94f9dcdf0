"""Policies that select machines by tags: who comes is locked, and nobody is unlocked for not being seen."""

from typing import Any

from team import Machine, Object, Team, condition
from world.process import wait_for

READ_MACHINES = "Microsoft.Compute/virtualMachines/read"


def selecting(team: Team, **spec: Any) -> Object:
    """A policy for the machines of this test: their tag is the namespace."""
    selector = {"selector": {"resourceGroup": "web", "tags": {"Team": team.namespace}}}
    return team.policy(targets=[selector], wait=False, **spec)


def member(team: Team) -> Machine:
    return team.machine(tags={"team": team.namespace, "tier": "web"})


def is_locked(team: Team, machine: Machine) -> bool:
    return any("-lock-" in rule["name"] for rule in team.rules(machine, own=True))


def wait_locked(team: Team, machine: Machine, locked: bool = True, timeout: float = 20) -> None:
    wait_for(lambda: is_locked(team, machine) == locked, timeout, f"{machine.name} locked: {locked}", interval=0.15)


def states(policy: Object) -> dict[str, str]:
    return {each["resourceID"].rsplit("/", 1)[1]: each["state"] for each in policy.status.get("targets", [])}


def test_machines_with_the_tags_are_locked_also_those_that_come_later(team: Team) -> None:
    """A VM that is added to a selector is locked within one inventory period."""
    first, other = member(team), team.machine(tags={"team": "others"})
    policy = selecting(team)
    policy.wait_condition("Ready", "True")
    assert states(policy) == {first.name: "Locked"}
    assert not is_locked(team, other)
    later = member(team)
    wait_locked(team, later)
    both = {first.name: "Locked", later.name: "Locked"}
    wait_for(lambda: states(policy) == both, 20, "both are locked", interval=0.15)
    team.request(later).wait_state("Active")


def test_one_that_loses_the_tag_is_unlocked_and_its_grant_ends(team: Team) -> None:
    stays, goes = member(team), member(team)
    policy = selecting(team)
    policy.wait_condition("Ready", "True")
    request = team.request(goes)
    request.wait_state("Active")
    before = team.rules(goes, own=False)
    team.lab.tag_machine("web", goes.name, {"tier": "web"})
    # What is open is read every minute.
    seen = request.wait_state("Revoked", timeout=75)
    assert "no longer fit the policy" in seen["status"]["message"]
    wait_locked(team, goes, locked=False)
    assert team.rules(goes) == before
    assert is_locked(team, stays)


def is_named(policy: Object, machine: Machine) -> bool:
    ready = condition(policy.get(), "Ready")
    return ready.get("status") == "False" and machine.name in ready["message"]


def test_what_no_list_shows_stays_locked_also_after_a_restart(team: Team) -> None:
    shown, hidden = member(team), member(team)
    policy = selecting(team)
    policy.wait_condition("Ready", "True")
    scope = f"/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/{hidden.name}"
    team.lab.denials({"action": READ_MACHINES, "scope": scope})
    try:
        team.world.operator.kill9()
        team.world.operator.start()
        team.lab.forget_requests()
        later = member(team)
        wait_locked(team, later)  # a whole list has been taken and followed
        assert is_locked(team, hidden) and is_locked(team, shown)
        assert not team.writes(hidden) and not team.writes(shown)
        # Others may be read a moment later: the cloud throttles a new operator's start.
        wait_for(lambda: is_named(policy, hidden), 30, "the policy names the hidden machine", interval=0.3)
    finally:
        team.lab.denials()
    policy.wait_condition("Ready", "True", timeout=75)


def test_a_selector_that_fits_nothing_says_so(team: Team) -> None:
    machine = member(team)
    policy = team.policy(
        targets=[{"selector": {"resourceGroup": "web", "tags": {"team": team.namespace, "tier": "wbe"}}}], wait=False)
    condition = policy.wait_condition("Ready", "False", "NothingSelected")
    assert "tier=wbe" in condition["message"]
    assert not team.writes(machine)
    team.lab.tag_machine("web", machine.name, {"team": team.namespace, "tier": "wbe"})
    policy.wait_condition("Ready", "True")


def test_one_that_is_taken_away_leaves_the_policy(team: Team) -> None:
    stays, goes = member(team), member(team)
    policy = selecting(team)
    policy.wait_condition("Ready", "True")
    team.lab.take_machine_away("web", goes.name)
    wait_locked(team, goes, locked=False, timeout=90)
    wait_for(lambda: states(policy) == {stays.name: "Locked"}, 20, "the policy has one machine", interval=0.3)
