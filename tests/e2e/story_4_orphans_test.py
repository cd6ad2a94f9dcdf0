"""Orphans: what bears our mark and belongs to nobody is closed where it lets somebody in, else left and told."""

import copy
from typing import Any

from team import Team
from world.process import wait_for

# What holds rules of ours is read every minute.
DRIFT_PERIOD = 75


def put_copy(team: Team, nsg: str, name: str, rule: dict[str, Any], **changes: Any) -> None:
    team.lab.put_rule("net", nsg, name, copy.deepcopy(rule["properties"]) | changes)


def test_a_copy_of_an_open_rule_in_another_nsg_is_removed_and_an_unreadable_mark_only_told(team: Team) -> None:
    machine, other = team.machine(), team.machine()
    team.policy(machine, other)
    team.request(machine).wait_state("Active")
    rule = team.open_rules(machine)[0]
    put_copy(team, other.nsg, rule["name"], rule)
    wait_for(lambda: not team.open_rules(other), DRIFT_PERIOD, "the copy is gone", interval=0.3)
    assert team.open_rules(machine)
    strange = rule["name"][:-3] + "abc"
    put_copy(team, other.nsg, strange, rule, description="portcullis/v1 open until=tomorrow", priority=150)
    account = team.world.cluster.identity("admin")

    def orphans() -> dict[str, Any] | None:
        seen = account.request("GET", "/apis/portcullis.dev/v1alpha1/cloudaccounts/prod").body
        found = [each for each in seen["status"]["conditions"] if each["type"] == "Orphans"]
        return found[0] if found and found[0]["status"] == "True" else None

    told = wait_for(orphans, DRIFT_PERIOD, "the account tells it", interval=0.3)
    assert told["reason"] == "UnreadableMark" and strange in told["message"], told
    assert strange in [each["name"] for each in team.rules(other)]
    team.lab.delete_rule("net", other.nsg, strange)
