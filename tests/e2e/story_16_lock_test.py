"""Lock and restore."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from team import Machine, Team, parse_time
from world.connect import CONNECTED, TIMEOUT
from world.process import wait_for

FOREIGN_ALLOW = {
    "priority": 110, "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "sourceAddressPrefix": "*",
    "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22",
    "provisioningState": "Succeeded",
}


def targets(policy: Any) -> dict[str, dict[str, Any]]:
    """What the policy's status says, by VM."""
    return {each["resourceID"].rsplit("/", 1)[1]: each for each in policy.status.get("targets", [])}


def as_text(team: Team, *machines: Machine) -> str:
    """The rules of the NSGs with ids, order and content; an etag counts writes and is no part of them."""
    return json.dumps([team.rules(machine) for machine in machines])


def test_audit_lists_per_vm_the_sources_that_a_lock_would_cut_and_writes_nothing(team: Team) -> None:
    """In Audit the policy lists, per VM, the sources that a lock would cut, and writes nothing."""
    open_vm = team.machine()
    shut_vm = team.machine(rules=[{"name": "web", "priority": 400, "access": "Allow", "protocol": "Tcp", "ports": 443}])
    before = as_text(team, open_vm, shut_vm)
    policy = team.policy(open_vm, shut_vm, enforcement="Audit")
    seen = targets(policy)
    assert {name: each["state"] for name, each in seen.items()} == {open_vm.name: "Audited", shut_vm.name: "Audited"}
    # Everybody, by the rule of the migration; those inside the network, by Azure's default rule.
    cut = {each["rule"].rsplit("/", 1)[1]: each for each in seen[open_vm.name]["cut"]}
    assert "0.0.0.0/0" in cut["Allow_SSH"]["sources"], cut
    assert (cut["Allow_SSH"]["port"], cut["Allow_SSH"]["protocol"]) == (22, "TCP")
    assert not any("192.0.2.0/24" in each["sources"] for each in cut.values())
    others = {each["rule"].rsplit("/", 1)[1]: each["sources"] for each in seen[shut_vm.name]["cut"]}
    assert "VirtualNetwork" in others.get("AllowVnetInBound", []), (others, seen[shut_vm.name])
    policy.wait_condition("Locked", "False", "Audited")
    policy.wait_condition("Conflict", "False", "NoConflict")
    assert policy.status["summary"] == "2/2 audited"
    assert not team.writes(open_vm) and not team.writes(shut_vm)
    assert as_text(team, open_vm, shut_vm) == before
    assert team.connect("stranger", open_vm, 22) == CONNECTED


def test_enforce_locks_both_families_and_ready_comes_only_with_the_proof(team: Team) -> None:
    """Enforce puts one deny rule per address family on the VM's addresses, and Ready comes only when it is proven for IPv4 and
    IPv6 that nobody reaches the ports."""
    machine = team.machine(ipv6=True)
    team.lab.faults([{"match": {"method": "GET", "path": f"/networkSecurityGroups/{machine.nsg}\\?"}, "times": -1,
                      "action": {"kind": "delay", "seconds": 1}}])
    policy = team.policy(machine, wait=False)
    ready = False
    deadline = time.monotonic() + 20
    while not ready and time.monotonic() < deadline:
        ready = policy.condition("Ready").get("status") == "True"
        log = team.requests(machine)
        puts = [index for index, entry in enumerate(log) if entry["method"] == "PUT"]
        proven = len(puts) == 2 and any(
            entry["method"] == "GET" and parse_time(entry["time"]) < time.time() - 0.9  # answered after a second
            for entry in log[puts[-1] + 1 :]
        )
        assert proven or not ready, f"Ready before both locks were read back: {log}"
        time.sleep(0.1)
    assert ready and policy.condition("Locked")["status"] == "True"
    assert "proven" in policy.condition("Ready")["message"]
    locks = [rule["properties"] for rule in team.rules(machine, own=True)]
    locked = {lock["destinationAddressPrefix"].split("/")[0] for lock in locks}
    assert locked == {machine.address, machine.address6} and len(locks) == 2
    assert all((lock["access"], lock["destinationPortRange"]) == ("Deny", "22") for lock in locks)
    assert team.connect("alice", machine, 22) == team.connect("stranger", machine, 22) == TIMEOUT
    assert not team.lab.connect("2001:db8:a::7", machine.name, 22)["allowed"]
    assert team.lab.connect("2001:db8:a::7", machine.name, 443)["allowed"]


def test_a_foreign_allow_above_the_lock_is_named_and_its_removal_makes_it_ready_again(team: Team) -> None:
    """A foreign allow above the lock makes the policy Bypassed, naming NSG, rule and priority; when it is removed the policy
    turns Ready with no other action."""
    machine, other = team.machine(), team.machine()
    policy = team.policy(machine, other)
    team.lab.put_rule("net", machine.nsg, "breakfix", FOREIGN_ALLOW)
    # To open something the NSG is read, and what is found then is told at once. Who asks comes before or after that.
    team.request(machine, duration="30m")
    condition = policy.wait_condition("Ready", "False", "Bypassed")
    for word in (machine.nsg, "breakfix", "110", machine.name):
        assert word in condition["message"], condition["message"]
    assert {name: each["state"] for name, each in targets(policy).items()} == {
        machine.name: "Bypassed", other.name: "Locked",
    }
    team.lab.delete_rule("net", machine.nsg, "breakfix")
    # From here on nobody does anything. With a grant open the NSG is read every minute.
    policy.wait_condition("Ready", "True", timeout=75)
    told = ["Locking", "Ready", "Bypassed", "Ready"]  # Events come behind the status
    wait_for(lambda: [event["reason"] for event in policy.events()] == told, 10, f"Events {told}")


def test_a_bypass_that_is_there_from_the_start_is_named_and_nothing_is_granted(team: Team) -> None:
    machine = team.machine()
    team.lab.put_rule("net", machine.nsg, "breakfix", FOREIGN_ALLOW)
    policy = team.policy(machine, wait=False)
    condition = policy.wait_condition("Ready", "False", "Bypassed")
    for word in (machine.nsg, "breakfix", "110"):
        assert word in condition["message"]
    request = team.request(machine)
    wait_for(lambda: "Bypassed" in request.status.get("message", ""), 10, "the request says why it waits")
    assert request.state == "Pending"
    team.lab.delete_rule("net", machine.nsg, "breakfix")
    # What a user can do who does not want to wait for the next reading: touch the policy.
    policy.patch({"spec": {"maxAhead": "23h"}})
    policy.wait_condition("Ready", "True")
    request.wait_state("Active")


def test_a_vm_without_nsg_is_unprotected_and_the_others_can_be_asked_for(team: Team) -> None:
    """A VM without an NSG is Unprotected, by name; the others of the policy are locked and can be asked for."""
    bare, guarded = team.machine(nsg=False), team.machine()
    policy = team.policy(bare, guarded, wait=False)
    condition = policy.wait_condition("Ready", "False", "Unprotected")
    assert bare.name in condition["message"]
    wait_for(lambda: targets(policy).get(guarded.name, {}).get("state") == "Locked", 15, "the other VM locked")
    assert targets(policy)[bare.name]["state"] == "Unprotected"
    assert policy.status["summary"] == "1/2 locked"
    team.request(guarded).wait_state("Active")
    assert team.connect("alice", guarded, 22) == CONNECTED
    assert team.connect("stranger", guarded, 22) == TIMEOUT


def test_exceptions_keep_working_all_the_time_and_are_no_bypass(team: Team) -> None:
    """Declared exceptions reach the port all the time (while it is locked, while grants come and go, when the exception
    changes its rule, and while it is unlocked), and are no bypass."""
    machine = team.machine()
    port = {"exceptions": [{"sources": ["203.0.113.8/32"], "reason": "bastion"},
                           {"serviceTag": "AzureLoadBalancer", "reason": "probes"}]}
    assert team.connect("carol", machine, 22) == CONNECTED
    over = Event()
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(team.refused_while, over, "carol", machine)
        try:
            policy = team.policy(machine, port=port)
            # The exceptions were written before the lock: there was no moment without them.
            kinds = [entry["path"].split("portcullis-worldlab-")[1].split("-")[0] for entry in team.writes(machine)]
            assert kinds == ["keep"] * kinds.count("keep") + ["lock"] and kinds.count("keep") == 2, kinds
            assert team.connect("carol", machine, 22) == CONNECTED
            assert team.connect("stranger", machine, 22) == TIMEOUT
            keeps = [rule["properties"] for rule in team.rules(machine, own=True) if "-keep-" in rule["name"]]
            assert {keep["sourceAddressPrefix"] for keep in keeps} >= {"AzureLoadBalancer"}
            assert policy.condition("Ready")["status"] == "True"
            request = team.request(machine)
            request.wait_state("Active")
            request.patch({"spec": {"revoke": True}}, user="alice")
            request.wait_state("Revoked")
            wider = {"sources": ["203.0.113.8/32", "203.0.113.16/28"], "reason": "bastions"}
            ports = policy.get()["spec"]["ports"]
            policy.patch({"spec": {"ports": [ports[0] | {"exceptions": [wider, port["exceptions"][1]]}]}})
            wait_for(lambda: team.lab.connect("203.0.113.17", machine.name, 22)["allowed"], 15, "the other bastion")
            policy.wait_condition("Ready", "True")
            assert team.connect("carol", machine, 22) == CONNECTED
            policy.delete()
            policy.wait_gone()
        finally:
            over.set()
        assert watched.result() == []


def test_deleting_the_policy_closes_grants_first_unlocks_and_leaves_the_nsg_as_it_was(team: Team) -> None:
    """Deleting the policy closes its grants, removes the locks, reads back, and lets the object go last; the rules are byte for
    byte what they were. (Under a CanNotDelete lock: story 4, and the table of refusals.)"""
    machine, other = team.machine(), team.machine()
    before = as_text(team, machine, other)
    policy = team.policy(machine, other)
    request = team.request(machine)
    request.wait_state("Active")
    team.lab.forget_requests()
    uid = policy.get()["metadata"]["uid"]
    policy.delete()
    request.wait_state("Revoked")
    policy.wait_gone()
    assert request.condition("Ready")["reason"] == "PolicyDeleted"
    wait_for(lambda: "Unlocked" in [event["reason"] for event in policy.events(uid)], 10, "an Event of its end")
    assert as_text(team, machine, other) == before
    deleted = [entry["path"].split("portcullis-worldlab-")[1].split("-")[0]
               for entry in team.writes(machine) if entry["method"] == "DELETE"]
    assert deleted == ["open", "lock"]
    # It was read back: the last word of the cloud was that of a reading.
    for each in (machine, other):
        assert team.requests(each)[-1]["method"] == "GET"


def test_deleting_the_policy_waits_until_the_locks_are_gone(team: Team) -> None:
    machine = team.machine()
    before = as_text(team, machine)
    policy = team.policy(machine)
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/"
    team.lab.faults([{"match": {"method": "DELETE", "path": path}, "times": -1,
                      "action": {"kind": "status", "status": 500, "body": {"error": {"code": "Internal"}}}}])
    policy.delete()
    condition = policy.wait_condition("Ready", "False", "Unlocking")
    wait_for(lambda: any(entry["method"] == "DELETE" for entry in team.writes(machine)), 10, "a try to unlock")
    condition = policy.wait_condition("Ready", "False", "Unlocking")
    assert machine.nsg in condition["message"] and policy.get()
    team.lab.faults([])
    policy.wait_gone(timeout=30)
    assert as_text(team, machine) == before


def test_keep_locks_lets_the_policy_go_and_the_locks_stay(team: Team) -> None:
    machine = team.machine()
    policy = team.policy(machine, onDelete="KeepLocks")
    request = team.request(machine)
    request.wait_state("Active")
    policy.delete()
    policy.wait_gone()
    assert request.state == "Revoked" and not team.open_rules(machine)
    [lock] = team.rules(machine, own=True)
    assert "-lock-" in lock["name"]
    assert team.connect("alice", machine, 22) == TIMEOUT
    # A policy of the same name finds its lock again, and unlocks when it goes.
    writes = len(team.writes(machine))
    team.policy(machine)
    assert len(team.writes(machine)) == writes
    assert team.rules(machine, own=True) == [lock]
