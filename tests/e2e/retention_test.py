"""How long records stay: removed after their time, but never what a GitOps tool tracks, nor another of the name."""

from datetime import UTC, datetime, timedelta
from typing import Any

from team import Object, Team
from world import etcd
from world.process import wait_for

TRACKED = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "access:portcullis.dev/AccessRequest:x/y"}}}


def age(team: Team, request: Object, days: int) -> None:
    """The verdict about it is so many days older: nobody can wait that long, and the API server lets nobody say so."""

    def earlier(text: str) -> str:
        return (datetime.fromisoformat(text) - timedelta(days=days)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def make_older(verdict: dict[str, Any]) -> None:
        verdict["metadata"]["creationTimestamp"] = earlier(verdict["metadata"]["creationTimestamp"])
        if ended := verdict["spec"].get("ended"):
            ended["at"] = earlier(ended["at"])

    uid = request.get()["metadata"]["uid"]
    etcd.change(team.world.cluster.etcd_socket, "accessverdicts", team.namespace, uid, make_older)


def test_a_record_goes_when_its_time_is_over_and_not_before(team: Team) -> None:
    machine = team.machine()
    team.policy(machine, limits={"activePerRequester": 3})  # retainFor: 168h
    young, old, denied = (team.request(machine, name=name, duration=duration)
                          for name, duration in (("young", "10m"), ("old", "10m"), ("denied", "5h")))
    for request in (young, old):
        request.wait_state("Active")
        request.patch({"spec": {"revoke": True}}, user="alice")
        request.wait_state("Revoked")
    denied.wait_state("Denied")
    assert len({each["metadata"]["uid"] for each in team.list("accessverdicts")}) == 3
    age(team, old, 8)
    age(team, denied, 8)
    age(team, young, 6)
    old.wait_gone()
    denied.wait_gone()
    # Its verdict belongs to it; the controllers of the cluster collect it.
    wait_for(lambda: len(team.list("accessverdicts")) == 1, 30, "the verdicts of what went")
    assert young.state == "Revoked" and not team.open_rules(machine)


def test_what_a_gitops_tool_tracks_stays_and_opens_nothing_when_it_is_applied_again(team: Team) -> None:
    """Removed, the tool would make it anew, and that would be a new request."""
    machine = team.machine()
    team.policy(machine, limits={"activePerRequester": 3})
    tracked, plain = team.request(machine, name="tracked"), team.request(machine, name="plain")
    tracked.patch(TRACKED, user="alice")
    for request in (tracked, plain):
        request.wait_state("Active")
        request.patch({"spec": {"revoke": True}}, user="alice")
        request.wait_state("Revoked")
        age(team, request, 8)
    plain.wait_gone()
    team.lab.forget_requests()
    tracked.patch(TRACKED | {"spec": {"reason": tracked.get()["spec"]["reason"]}}, user="alice")
    team.world.operator.restart()
    again = team.request(machine, name="again")
    again.wait_state("Active")  # what comes after it has been dealt with
    assert tracked.state == "Revoked" and len(team.open_rules(machine)) == 1
