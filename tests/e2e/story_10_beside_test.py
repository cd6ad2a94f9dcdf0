"""Beside Terraform, ASO and GitOps: they and the operator share an NSG and its objects, and neither is in the other's way."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from team import FOREIGN_RULES, Machine, Team
from world.process import wait_for

OURS = re.compile(r"/securityrules/portcullis-worldlab-(lock|keep|open|shut)-[0-9a-z]+$")
# What a platform team's configuration holds, besides what everybody has.
CONFIGURED = [
    {"name": "iac-deny", "priority": 200, "access": "Deny", "protocol": "Tcp", "ports": 8080, "source": "198.18.0.0/15"},
    {"name": "iac-allow", "priority": 500, "access": "Allow", "protocol": "Tcp", "ports": 8443, "source": "Internet"},
]


def taken(*priorities: int) -> list[dict[str, Any]]:
    return [
        {"name": f"iac-{priority}", "priority": priority, "access": "Allow", "protocol": "Tcp", "ports": 8443,
         "source": "192.0.2.77"}
        for priority in priorities
    ]


def priority_of(team: Team, machine: Machine) -> int:
    [rule] = team.open_rules(machine)
    return rule["properties"]["priority"]


def test_whatever_it_does_it_writes_single_rules_of_its_own(team: Team) -> None:
    """Locking, opening, putting right, closing and unlocking: no request writes an NSG, or a rule of somebody else."""
    machine, bare = team.machine(rules=FOREIGN_RULES + CONFIGURED), team.machine(nsg=False)
    foreign = json.dumps(team.rules(machine))
    policy = team.policy(machine, bare, wait=False, port={"exceptions": [{"sources": ["10.9.0.0/28"], "reason": "b"}]})
    policy.wait_condition("Ready", "False", "Unprotected")
    request = team.request(machine)
    request.wait_state("Active")
    for rule in team.rules(machine, own=True):
        team.lab.delete_rule("net", machine.nsg, rule["name"])
    policy.patch({"spec": {"maxAhead": "23h"}})
    wait_for(lambda: len(team.rules(machine, own=True)) == 3, 20, "all three rules are back")
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Revoked")
    policy.delete()
    policy.wait_gone()
    writes = team.writes(machine)
    assert {entry["method"] for entry in writes} == {"PUT", "DELETE"}
    kinds = {OURS.search(entry["path"].lower()) and OURS.search(entry["path"].lower())[1] for entry in team.lab.writes()}
    assert kinds == {"lock", "keep", "open"}, [entry["path"] for entry in team.lab.writes()]
    assert json.dumps(team.rules(machine)) == foreign


def test_who_loses_its_place_takes_the_next_and_says_so_where_there_is_none(team: Team) -> None:
    """IaC that writes the NSG as it knows it takes our rules away. Where a rule of its own has our priority then, the
    next free one is taken; where all are taken, the request is not Ready and says NoFreePriority."""
    machine = team.machine(rules=FOREIGN_RULES + CONFIGURED)
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    first = priority_of(team, machine)
    team.lab.put_group("net", machine.nsg, FOREIGN_RULES + CONFIGURED + taken(first))
    written_by_iac = team.rules(machine)
    policy.patch({"spec": {"maxAhead": "23h"}})  # not to wait for the next reading, see story 11
    wait_for(lambda: team.open_rules(machine), 20, "the rule is back")
    request.wait_condition("Ready", "True")
    assert priority_of(team, machine) == first + 1
    assert team.rules(machine, own=False) == written_by_iac

    team.lab.put_group("net", machine.nsg, FOREIGN_RULES + taken(*range(130, 280)))
    written_by_iac = team.rules(machine)
    policy.patch({"spec": {"maxAhead": "22h"}})
    told = request.wait_condition("Ready", "False", "NoFreePriority")
    assert machine.nsg in told["message"], told
    policy.wait_condition("Locked", "True")  # locks have places of their own
    assert not team.open_rules(machine) and team.rules(machine, own=False) == written_by_iac
    team.lab.delete_rule("net", machine.nsg, "iac-177")
    policy.patch({"spec": {"maxAhead": "21h"}})
    request.wait_condition("Ready", "True")
    assert priority_of(team, machine) == 177


def manifest(team: Team, machine: Machine, folder: Path) -> Path:
    """As it lies in Git."""
    body = {
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest",
        "metadata": {"name": "from-git", "namespace": team.namespace,
                     "annotations": {"argocd.argoproj.io/tracking-id": "access:portcullis.dev/AccessRequest:x/from-git"}},
        "spec": {"policyRef": {"name": "ssh"}, "targets": [machine.name], "ports": [{"port": 22, "protocol": "TCP"}],
                 "sources": ["203.0.113.7/32"], "duration": "10m", "reason": "INC-4711 disk full"},
    }
    path = folder / "request.yaml"
    path.write_text(yaml.safe_dump(body))
    return path


def test_what_git_says_of_an_ended_request_opens_nothing(team: Team, tmp_path: Path) -> None:
    """Applying an ended request again, as it lies in Git, changes and opens nothing, and shows no difference; made anew
    by the one who syncs, who is a service account, it is refused."""
    machine = team.machine()
    team.policy(machine)
    in_git = manifest(team, machine, tmp_path)
    team.kubectl("alice", "apply", "-f", str(in_git))
    request = team.object("accessrequests", "from-git")
    request.wait_state("Active")
    team.world.cluster.apply(json.dumps({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessDecision",
        "metadata": {"name": "enough", "namespace": team.namespace},
        "spec": {"requestRef": {"name": "from-git", "uid": request.get()["metadata"]["uid"]}, "policyName": "ssh",
                 "decision": "Revoke", "reason": "enough"},
    }))
    ended = request.wait_state("Revoked")
    writes = len(team.writes(machine))

    robot = argo(team)
    for user, how in (("alice", ()), (robot, ()), (robot, ("--server-side", "--field-manager=argocd-controller"))):
        if not how:
            assert "unchanged" in team.kubectl(user, "apply", "-f", str(in_git)).stdout
        else:
            team.kubectl(user, "apply", "-f", str(in_git), *how, "--force-conflicts")
        assert team.kubectl(user, "diff", "-f", str(in_git), check=False).returncode == 0, "not Synced"
    now = request.get()
    assert (now["spec"], now["status"]) == (ended["spec"], ended["status"])

    request.delete()
    request.wait_gone()
    assert "created" in team.kubectl(robot, "apply", "-f", str(in_git)).stdout
    request.wait_state("Denied")
    request.wait_condition("Ready", "False", "ServiceAccountRefused")
    assert len(team.writes(machine)) == writes and not team.open_rules(machine)


def argo(team: Team) -> str:
    """A service account that may do all to requests, also ask under every policy, as those who sync may."""
    team.kubectl("admin", "create", "serviceaccount", "argo")
    team.kubectl("admin", "create", "rolebinding", "argo", "--clusterrole=portcullis-admin",
                 f"--serviceaccount={team.namespace}:argo")
    team.world.cluster.service_account(team.namespace, "argo")
    return f"system:serviceaccount:{team.namespace}:argo"
