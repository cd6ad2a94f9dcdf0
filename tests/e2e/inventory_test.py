"""Lists find what changed in the cloud: it is read and locked within a period, and what did not change is left in peace."""

from typing import Any

from team import Machine, Object, Team
from world.process import wait_for

PERIOD = 3  # seconds; conftest.py gives it to the operator
SOON = PERIOD + 12  # a period, the lists, a reading, a write and the proof, on a machine that is busy


def put(team: Team, machine: Machine, *nics: dict[str, Any], tags: dict[str, str] | None = None) -> None:
    """Gives the machine these interfaces."""
    team.lab.put_machine("web", machine.name, {"listens": [22], "nics": list(nics), "tags": tags or {}})


def nic(name: str, *addresses: str, nsg: str = "", subnet: str = "hosts") -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "subnet": f"net/vnet/{subnet}", "ip": list(addresses)}
    return made | ({"nsg": f"net/{nsg}"} if nsg else {})


def locked(team: Team, nsg: str) -> set[str]:
    """The addresses that are locked in the NSG."""
    out: set[str] = set()
    for name, properties in team.lab.rules("net", nsg).items():
        if "-lock-" in name:
            one = [properties["destinationAddressPrefix"]] if properties.get("destinationAddressPrefix") else []
            out |= {each.split("/")[0] for each in one + properties.get("destinationAddressPrefixes", [])}
    return out


def wait_locked(team: Team, nsg: str, *addresses: str) -> None:
    wait_for(lambda: set(addresses) <= locked(team, nsg), SOON, f"{addresses} locked in {nsg}", interval=0.15)


def reads(team: Team, part: str) -> list[dict[str, Any]]:
    """What was read that has this in its path."""
    return [entry for entry in team.lab.requests("GET") if part.lower() in entry["path"].lower().split("?")[0]]


def wait_for_lists(team: Team) -> None:
    """Until everything was listed anew, from the beginning."""
    team.lab.forget_requests()
    lists = "/providers/Microsoft.Network/networkInterfaces"
    wait_for(lambda: len(reads(team, lists)) >= 2, 5 * PERIOD, "the interfaces are listed twice", interval=0.15)


def own_policy(team: Team, machine: Machine) -> Object:
    policy = team.policy(machine)
    assert locked(team, machine.nsg) == {machine.address}
    return policy


def test_what_does_not_change_is_listed_and_not_read_again(team: Team) -> None:
    machine = team.machine()
    policy = own_policy(team, machine)
    wait_for_lists(team)  # after the readings that the start brings
    wait_for_lists(team)
    assert not reads(team, f"/virtualMachines/{machine.name}"), "the machine was read although nothing changed"
    assert not reads(team, "/networkInterfaces/"), "an interface was read although nothing changed"
    assert policy.condition("Ready")["status"] == "True"
    team.request(machine).wait_state("Active")


def test_an_address_and_an_interface_that_come_are_locked(team: Team) -> None:
    """A new interface, and a private address that changes, are locked within one inventory period."""
    machine, other = team.machine(), team.machine()
    own_policy(team, machine)
    number = machine.address.rsplit(".", 1)[1]
    first, second, third = machine.address, f"10.2.1.{number}", f"10.2.2.{number}"
    own_nic = f"nic-{machine.name.split('-')[1]}"
    put(team, machine, nic(own_nic, first, second, nsg=machine.nsg))
    wait_locked(team, machine.nsg, first, second)
    put(team, machine, nic(own_nic, first, second, nsg=machine.nsg), nic(f"{own_nic}-b", third, nsg=other.nsg))
    wait_locked(team, other.nsg, third)
    assert locked(team, machine.nsg) == {first, second}
    # And an address that goes is let go, by the machine's own reading.
    put(team, machine, nic(own_nic, first, nsg=machine.nsg), nic(f"{own_nic}-b", third, nsg=other.nsg))
    wait_for(lambda: locked(team, machine.nsg) == {first}, SOON, "the address that went is unlocked", interval=0.15)


def test_another_nsg_on_the_subnet_is_locked(team: Team) -> None:
    machine = team.machine()
    old, new = team.machine().nsg, team.machine().nsg  # two NSGs more
    address = "10.2.9." + machine.address.rsplit(".", 1)[1]
    own_nic = f"nic-{machine.name.split('-')[1]}"
    team.lab.move_subnet("net", "vnet", "moved", f"net/{old}")
    try:
        put(team, machine, nic(own_nic, address, subnet="moved"))
        policy = team.policy(machine)
        assert locked(team, old) == {address}
        team.lab.move_subnet("net", "vnet", "moved", f"net/{new}")
        wait_locked(team, new, address)
        policy.wait_condition("Ready", "True")
        policy.delete()
        policy.wait_gone()
    finally:
        team.lab.move_subnet("net", "vnet", "moved", None)
    assert not locked(team, old) and not locked(team, new)


def test_an_address_that_two_interfaces_behind_one_nsg_have_is_not_opened(team: Team) -> None:
    machine = team.machine()
    own_policy(team, machine)
    # An interface is left behind by a machine that went: in another network, with the same address.
    twin = f"twin-{machine.name.split('-')[1]}"
    team.lab.put_machine("other", twin, {"nics": [nic(f"{twin}-nic", "10.2.8.8", nsg=machine.nsg, subnet="moved")]})
    team.lab.take_machine_away("other", twin)
    team.lab.move_interface("other", f"{twin}-nic", [machine.address])
    wait_for_lists(team)
    request = team.request(machine)
    request.wait_state("Denied")
    assert request.condition("Approved")["reason"] == "AmbiguousAddress"
    for word in (machine.address, f"web/nic-{machine.name.split('-')[1]}", f"other/{twin}-nic", machine.nsg):
        assert word in request.status["message"], request.status["message"]
    assert not team.open_rules(machine)
    # Behind another NSG it is nobody's concern.
    team.lab.move_interface("other", f"{twin}-nic", ["10.2.8.8"])
    wait_for_lists(team)
    team.request(machine, name="again").wait_state("Active")


def test_a_list_with_something_broken_in_it_hides_nothing(team: Team) -> None:
    tags = {"team": team.namespace}
    team.machine(tags=tags)
    selector = {"selector": {"resourceGroup": "web", "tags": tags}}
    policy = team.policy(targets=[selector])
    team.lab.faults([{"match": {"method": "GET", "path": "/subscriptions/[^/]*/providers/Microsoft.Network/networkInterfaces"},
                      "times": -1, "action": {"kind": "status", "status": 200, "body": {"value": [{"id": 7}, None]}}}])
    try:
        later = team.machine(tags=tags)
        wait_locked(team, later.nsg, later.address)
        policy.wait_condition("Ready", "True")
        assert "not understood" in team.world.operator.log()
    finally:
        team.lab.faults([])


def test_an_instance_of_a_scale_set_is_named_for_what_it_is(team: Team) -> None:
    targets = [{"virtualMachine": {"resourceGroup": "web", "name": "workers_3"}}]
    condition = team.policy(targets=targets, wait=False).wait_condition("Ready", "False", "TargetNotFound")
    assert "scale set" in condition["message"] and "flexible" in condition["message"]
