"""Records stay, verdicts and status are the operator's alone: whatever users, and even system:masters, try."""

import pytest

OPERATOR = "system:serviceaccount:portcullis-system:portcullis"
COLLECTOR = {"Impersonate-User": "system:serviceaccount:kube-system:generic-garbage-collector"}
NAMESPACES = {"Impersonate-User": "system:serviceaccount:kube-system:namespace-controller"}
AS_MASTER = {"Impersonate-Group": "system:masters"}
MEDDLERS = ["carol", "admin"]  # may write anything by RBAC; admin is in system:masters


# --- deletion


def test_strangers_cannot_delete_a_request(client, team, asked, refused):
    sentence = (
        'may not delete this request: must be the requester, "alice", or hold the verb "revoke" on jitpolicy '
        f'"prod-ssh" in namespace "{team}"'
    )
    for who in ("mallory", "carol"):
        refused(client(who, team).delete("AccessRequest", "ssh"), f'user "{who}" {sentence}')
        refused(client(who, team).delete("AccessRequest", "ssh", "?dryRun=All"), sentence)
        refused(client(who, team).delete("AccessRequest", ""), sentence)  # deletecollection
    assert "deletionTimestamp" not in client("alice", team).get("AccessRequest", "ssh")["metadata"]


@pytest.mark.parametrize("who", ["alice", "bob", "admin", "collector", "namespaces"])
def test_those_who_may_delete_a_request_do_not_make_it_vanish(who, client, team, asked):
    """It goes on as a deleted one until the operator has closed and removed its finalizer; force changes nothing."""
    headers = {"collector": COLLECTOR | AS_MASTER, "namespaces": NAMESPACES | AS_MASTER}.get(who)
    actor = client("admin" if headers else who, team)
    for query in ("", "?gracePeriodSeconds=0", "?propagationPolicy=Background"):
        answer = actor.delete("AccessRequest", "ssh", query, headers)
        assert answer.status == 200, answer.message
    left = client("alice", team).get("AccessRequest", "ssh")
    assert left["metadata"]["deletionTimestamp"]
    assert left["metadata"]["finalizers"] == ["portcullis.dev/close"]
    for change in ({"metadata": {"finalizers": None}}, [{"op": "remove", "path": "/metadata/finalizers"}]):
        client("admin", team).patch("AccessRequest", "ssh", change)
        assert client("alice", team).get("AccessRequest", "ssh")["metadata"]["finalizers"] == ["portcullis.dev/close"]
    assert client("operator", team).patch("AccessRequest", "ssh", {"metadata": {"finalizers": None}}).status == 200
    assert client("alice", team).get("AccessRequest", "ssh") is None


@pytest.mark.parametrize("who", ["bob", "carol", "mallory", "admin"])
def test_decisions_are_records(who, client, team, decided, refused):
    for query in ("", "?dryRun=All", "?gracePeriodSeconds=0"):
        refused(
            client(who, team).delete("AccessDecision", "ssh.bob", query),
            f'user "{who}" may not delete this decision: it is the record of what "bob" said to request "ssh" (',
        )
    refused(client(who, team).delete("AccessDecision", ""), "may not delete this decision")
    assert client("bob", team).get("AccessDecision", "ssh.bob")


@pytest.mark.parametrize("headers", [COLLECTOR, NAMESPACES], ids=["collector", "namespaces"])
def test_decisions_go_with_what_they_belong_to(headers, client, team, decided):
    answer = client("admin", team).delete("AccessDecision", "ssh.bob", headers=headers | AS_MASTER)
    assert answer.status == 200, answer.message
    assert client("bob", team).get("AccessDecision", "ssh.bob") is None


def test_the_operator_deletes_requests_whose_time_is_over_but_no_decision(client, team, decided, refused):
    operator = client("operator", team)
    refused(operator.delete("AccessDecision", "ssh.bob"), "cannot delete resource")
    assert client("bob", team).get("AccessDecision", "ssh.bob")
    answer = operator.delete("AccessRequest", "ssh")
    assert answer.status == 200, answer.message
    # Held by its finalizer until it is proven closed.
    assert "deletionTimestamp" in client("alice", team).get("AccessRequest", "ssh")["metadata"]


# --- decisions


@pytest.mark.parametrize(
    ("decision", "verb"),
    [("Approve", "approve"), ("Deny", "approve"), ("Acknowledge", "approve"), ("Revoke", "revoke")],
)
def test_a_decision_needs_its_verb_on_the_policy_it_names(decision, verb, client, team, spec, allow, refused):
    given = spec("AccessDecision", decision=decision)
    refused(
        client("alice", team).create("AccessDecision", "mine", given),
        f'user "alice" may not decide {decision}: lacks the verb "{verb}" on jitpolicy "prod-ssh" '
        f'in namespace "{team}"',
    )
    other = {"approve": "revoke", "revoke": "approve"}[verb]
    for held, status in ((other, 403), (verb, 201)):
        allow("mallory", held, "jitpolicies", team)
        answer = client("mallory", team).create("AccessDecision", f"by-{held}", given)
        assert answer.status == status, answer.message


def test_a_decision_on_a_policy_that_one_may_decide_says_nothing_of_others(client, team, spec, refused):
    refused(
        client("bob", team).create("AccessDecision", "x", spec("AccessDecision", policyName="prod-db")),
        'jitpolicy "prod-db"',
    )


# --- verdicts


@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
def test_nobody_else_writes_a_verdict(who, client, team, spec, asked, new_uid, refused):
    for uid in (asked["metadata"]["uid"], new_uid()):
        for by in (None, OPERATOR):
            given = spec("AccessVerdict", requestRef={"name": "ssh", "uid": uid}, by=by)
            refused(
                client(who, team).create("AccessVerdict", uid, given),
                f'user "{who}" may not write verdicts: only the Portcullis operator may',
            )
            refused(client(who, team).apply("AccessVerdict", uid, {"spec": given}), "may not write verdicts")
    assert client("admin", team).get("AccessVerdict", asked["metadata"]["uid"]) is None


@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
def test_nobody_else_touches_a_verdict(who, client, team, verdict, refused):
    name, meddler = verdict["metadata"]["name"], client(who, team)
    for change in (
        {"spec": {"ended": {"at": "2026-11-22T18:12:00Z", "reason": "Suspended"}}},
        {"metadata": {"finalizers": None}},
        {"metadata": {"labels": {"theirs": "1"}}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "1"}]}},
    ):
        refused(
            meddler.patch("AccessVerdict", name, change), "may not change verdicts: only the Portcullis operator may"
        )
    refused(meddler.delete("AccessVerdict", name), f'user "{who}" may not delete this verdict', 'request "ssh"')
    refused(meddler.delete("AccessVerdict", ""), "may not delete this verdict")
    assert client("operator", team).get("AccessVerdict", name) == verdict


def test_a_request_has_one_verdict(client, team, spec, verdict):
    again = client("operator", team).create(
        "AccessVerdict", verdict["metadata"]["name"], spec("AccessVerdict", requestRef=verdict["spec"]["requestRef"])
    )
    assert again.status == 409
    assert again.body["reason"] == "AlreadyExists"


def test_the_operator_ends_a_verdict_once(client, team, verdict):
    operator, name = client("operator", team), verdict["metadata"]["name"]
    ended = {"at": "2026-11-22T18:12:00Z", "reason": "Suspended", "by": "bob"}
    assert operator.patch("AccessVerdict", name, {"spec": {"ended": ended}}).status == 200
    assert operator.patch("AccessVerdict", name, {"spec": {"ended": None}}).status == 422
    assert operator.patch("AccessVerdict", name, {"spec": {"ended": {"reason": "Frozen"}}}).status == 422
    assert operator.get("AccessVerdict", name)["spec"]["ended"] == ended


def test_a_verdict_may_be_owned_by_its_request_alone(client, team, spec, asked, new_uid, refused):
    uid = asked["metadata"]["uid"]
    good = {"apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest", "name": "ssh", "uid": uid}
    operator, given = client("operator", team), spec("AccessVerdict", requestRef={"name": "ssh", "uid": uid})
    for bad in (good | {"uid": new_uid()}, good | {"kind": "ConfigMap"}, good | {"name": "other"}):
        refused(
            operator.create("AccessVerdict", uid, given, {"ownerReferences": [bad]}), "must name its request alone"
        )
    created = operator.create("AccessVerdict", uid, given, {"ownerReferences": [good]})
    assert created.status == 201, created.message
    refused(
        operator.patch("AccessVerdict", uid, {"metadata": {"ownerReferences": [good | {"uid": new_uid()}]}}),
        "must name its request alone",
    )


def test_the_systems_controllers_tend_a_verdicts_metadata_alone(client, team, verdict, refused):
    admin, name = client("admin", team), verdict["metadata"]["name"]
    path, content = admin.path("AccessVerdict", name), "application/merge-patch+json"
    for change in (
        {"spec": {"ended": {"at": "2026-11-22T18:12:00Z", "reason": "Suspended"}}},
        {"metadata": {"finalizers": None}},
    ):
        refused(
            admin.user.request("PATCH", path, change, content, COLLECTOR | AS_MASTER),
            "may not change spec or finalizers",
        )
    answer = admin.user.request("PATCH", path, {"metadata": {"labels": {"x": "1"}}}, content, COLLECTOR | AS_MASTER)
    assert answer.status == 200, answer.message
    assert admin.delete("AccessVerdict", name, headers=COLLECTOR | AS_MASTER).status == 200
    left = admin.get("AccessVerdict", name)
    assert left["metadata"]["deletionTimestamp"]  # counts as ended; the operator lets it go
    assert client("operator", team).patch("AccessVerdict", name, {"metadata": {"finalizers": None}}).status == 200
    assert admin.get("AccessVerdict", name) is None


# --- status


@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
@pytest.mark.parametrize("kind", ["AccessRequest", "JitPolicy", "CloudAccount"])
def test_status_is_the_operators_alone(kind, who, client, team, spec, allow, refused):
    name, lie = team[-40:].strip("-"), {"status": {"observedGeneration": 99}}
    maker = client("alice" if kind == "AccessRequest" else "admin", team)
    created = maker.create(kind, name, spec(kind))
    assert created.status == 201, created.message
    if who != "admin":  # so that not RBAC but the guard answers
        for verb in ("get", "update", "patch"):
            allow(who, verb, f"{client(who, team).plural(kind)}/status")
    liar = client(who, team)
    sentence = f'user "{who}" may not write status: only the Portcullis operator may'
    refused(liar.patch(kind, name, lie, "status"), sentence)
    refused(liar.apply(kind, name, lie, "status"), sentence)
    refused(liar.put(kind, maker.get(kind, name) | lie, "status"), sentence)
    beside = client("admin", team).patch(kind, name, lie)
    assert beside.status == 200, beside.message
    assert "observedGeneration" not in client("admin", team).get(kind, name).get("status", {})
    assert client("operator", team).patch(kind, name, lie, "status").status == 200


@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
def test_status_of_a_verdict_likewise(who, client, team, verdict, allow, refused):
    name, lie = verdict["metadata"]["name"], {"status": {"observedGeneration": 99}}
    if who != "admin":
        allow(who, "patch", "accessverdicts/status")
    refused(client(who, team).patch("AccessVerdict", name, lie, "status"), f'user "{who}" may not write status')
    assert client("operator", team).patch("AccessVerdict", name, lie, "status").status == 200


def test_status_at_creation_is_dropped(client, team, spec):
    alice = client("alice", team)
    body = {
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "AccessRequest",
        "metadata": {"name": "ssh"},
        "spec": spec("AccessRequest"),
        "status": {"state": "Active", "expiresAt": "2099-01-01T00:00:00Z"},
    }
    assert alice.user.request("POST", alice.path("AccessRequest"), body).status == 201
    assert alice.get("AccessRequest", "ssh")["status"] == {"state": "Pending"}
