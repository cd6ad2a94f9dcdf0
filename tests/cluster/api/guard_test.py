"""What users, and even system:masters, cannot do to requests, decisions, verdicts and status."""

import pytest

OPERATOR = "system:serviceaccount:portcullis-system:portcullis"
COLLECTOR = {"Impersonate-User": "system:serviceaccount:kube-system:generic-garbage-collector"}
NAMESPACES = {"Impersonate-User": "system:serviceaccount:kube-system:namespace-controller"}
AS_MASTER = {"Impersonate-Group": "system:masters"}
MEDDLERS = ["carol", "admin"]  # may write anything by RBAC; admin is in system:masters


@pytest.fixture
def asked(client, team, spec) -> dict:
    created = client("alice", team).create("AccessRequest", "ssh", spec("AccessRequest"), {"labels": {"theirs": "1"}})
    assert created.status == 201, created.message
    return created.body


@pytest.fixture
def decided(client, team, spec, asked) -> dict:
    reference = {"name": "ssh", "uid": asked["metadata"]["uid"]}
    created = client("bob", team).create("AccessDecision", "ssh.bob", spec("AccessDecision", requestRef=reference))
    assert created.status == 201, created.message
    return created.body


@pytest.fixture
def verdict(client, team, spec, asked) -> dict:
    uid = asked["metadata"]["uid"]
    created = client("operator", team).create(
        "AccessVerdict", uid, spec("AccessVerdict", requestRef={"name": "ssh", "uid": uid})
    )
    assert created.status == 201, created.message
    return created.body


def refused(answer, *sentences: str) -> None:
    assert answer.status == 403, answer.message
    assert answer.body["reason"] == "Forbidden"
    for sentence in sentences:
        assert sentence in answer.message


# --- who may ask


def test_who_lacks_the_verb_is_told_so_in_one_sentence(client, team, spec):
    answer = client("mallory", team).create("AccessRequest", "ssh", spec("AccessRequest"))
    refused(
        answer,
        'user "mallory" may not ask for access: lacks the verb "request" on jitpolicy "prod-ssh" in namespace '
        f'"{team}" (kubectl auth can-i request jitpolicies.portcullis.dev/prod-ssh -n {team})',
    )


def test_the_sentence_holds_the_very_command_that_answers(cluster, client, team, spec):
    command = f"auth can-i request jitpolicies.portcullis.dev/prod-ssh -n {team}".split()
    assert cluster.kubectl("alice", *command).stdout.strip() == "yes"
    assert cluster.kubectl("mallory", *command, check=False).stdout.strip() == "no"


def test_the_verb_on_one_policy_is_none_on_another(client, team, spec):
    answer = client("alice", team).create(
        "AccessRequest", "ssh", spec("AccessRequest", policyRef={"name": "prod-db"})
    )
    refused(answer, 'user "alice" may not ask', 'on jitpolicy "prod-db"')


def test_the_verb_counts_in_its_namespace_only(cluster, client, team, spec):
    other = cluster.namespace(f"{team}-other")
    cluster.kubectl(
        "admin", "create", "role", "objects", "-n", other, "--verb=create", "--resource=accessrequests.portcullis.dev"
    )
    cluster.kubectl("admin", "create", "rolebinding", "objects", "-n", other, "--role=objects", "--user=alice")
    refused(client("alice", other).create("AccessRequest", "ssh", spec("AccessRequest")), f'in namespace "{other}"')


def test_break_glass_needs_a_verb_of_its_own(cluster, client, team, spec):
    alice = client("alice", team)
    refused(
        alice.create("AccessRequest", "now", spec("AccessRequest", breakGlass=True)),
        'user "alice" may not use break-glass: lacks the verb "breakglass" on jitpolicy "prod-ssh"',
    )
    cluster.kubectl(
        "admin",
        "create",
        "role",
        "glass",
        "-n",
        team,
        "--verb=breakglass",
        "--resource=jitpolicies.portcullis.dev",
        "--resource-name=prod-ssh",
    )
    cluster.kubectl("admin", "create", "rolebinding", "glass", "-n", team, "--role=glass", "--user=alice")
    assert alice.create("AccessRequest", "now", spec("AccessRequest", breakGlass=True)).status == 201


def test_break_glass_alone_does_not_allow_to_ask(cluster, client, team, spec):
    cluster.kubectl(
        "admin", "create", "role", "glass", "-n", team, "--verb=breakglass", "--resource=jitpolicies.portcullis.dev"
    )
    cluster.kubectl("admin", "create", "rolebinding", "glass", "-n", team, "--role=glass", "--user=mallory")
    answer = client("mallory", team).create("AccessRequest", "now", spec("AccessRequest", breakGlass=True))
    refused(answer, 'lacks the verb "request"')


MARKS = [
    ({"labels": {"portcullis.dev/instance": "x"}}, "labels and annotations portcullis.dev/*"),
    ({"annotations": {"portcullis.dev/skip": "true"}}, "labels and annotations portcullis.dev/*"),
    ({"finalizers": ["portcullis.dev/mine"]}, "finalizers portcullis.dev/*"),
]


@pytest.mark.parametrize(("metadata", "sentence"), MARKS)
def test_our_marks_cannot_be_set_at_creation(metadata, sentence, client, team, spec):
    refused(client("alice", team).create("AccessRequest", "ssh", spec("AccessRequest"), metadata), sentence)
    refused(client("bob", team).create("AccessDecision", "yes", spec("AccessDecision"), metadata), sentence)


def test_the_operator_asks_and_decides_on_paper_only(client, spec):
    """What it needs to prove that the guards are in force; a stolen token must not open anything by asking."""
    operator = client("operator", "portcullis-system")
    forged = {"username": "portcullis:forged"}
    for kind, part in (("AccessRequest", "requester"), ("AccessDecision", "author")):
        answer = operator.create(kind, "probe", spec(kind, **{part: forged}), query="&dryRun=All")
        refused(answer, f'user "{OPERATOR}"', "lacks the verb")
        refused(operator.create(kind, "real", spec(kind)), "only as a dry run")


# --- revoke


def test_only_the_requester_gives_access_back(client, team, asked):
    for who in ("mallory", "bob", "admin", "operator"):
        answer = client(who, team).patch("AccessRequest", "ssh", {"spec": {"revoke": True}})
        refused(answer, 'only the requester, "alice", may', "make an AccessDecision with decision Revoke")
    answer = client("alice", team).patch("AccessRequest", "ssh", {"spec": {"revoke": True}})
    assert answer.status == 200, answer.message
    assert client("alice", team).get("AccessRequest", "ssh")["spec"]["revoke"] is True


def test_a_namesake_with_another_uid_is_somebody_else(cluster, client, team, spec):
    cluster.kubectl("admin", "create", "rolebinding", "carol", "-n", team, "--role=ask", "--user=carol")
    assert client("carol", team).create("AccessRequest", "ssh", spec("AccessRequest")).status == 201
    admin = client("admin", team)
    headers = {"Impersonate-User": "carol", "Impersonate-Uid": "u-other"}
    path = admin.path("AccessRequest", "ssh")
    change, content = {"spec": {"revoke": True}}, "application/merge-patch+json"
    refused(admin.user.request("PATCH", path, change, content, headers), 'user "carol" may not set spec.revoke')
    refused(admin.delete("AccessRequest", "ssh", headers=headers), 'user "carol" may not delete this request')
    answer = admin.user.request("PATCH", path, change, content, headers | {"Impersonate-Uid": "u-carol"})
    assert answer.status == 200, answer.message


def test_a_request_that_is_going_can_still_be_given_back(client, team, asked):
    alice = client("alice", team)
    assert alice.delete("AccessRequest", "ssh").status == 200
    assert alice.patch("AccessRequest", "ssh", {"spec": {"revoke": True}}).status == 200


# --- metadata

UNDONE = None  # the server says yes, and nothing has changed: as for kubectl replace of a plain manifest
ATTACKS = {
    "finalizers by merge patch": ({"metadata": {"finalizers": None}}, UNDONE),
    "finalizers by JSON patch": ([{"op": "remove", "path": "/metadata/finalizers/0"}], UNDONE),
    "finalizers replaced by another": ({"metadata": {"finalizers": ["a.example/b"]}}, "finalizers portcullis.dev/*"),
    "a finalizer of ours added": (
        [{"op": "add", "path": "/metadata/finalizers/-", "value": "portcullis.dev/never"}],
        "finalizers portcullis.dev/*",
    ),
    "a label of ours": (
        {"metadata": {"labels": {"portcullis.dev/x": "1"}}},
        "labels and annotations portcullis.dev/*",
    ),
    "an annotation of ours": (
        {"metadata": {"annotations": {"portcullis.dev/x": "1"}}},
        "labels and annotations portcullis.dev/*",
    ),
    "an owner that is not there": (
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "1"}]}},
        "ownerReferences of a record cannot be changed",
    ),
}


def what_counts(stored: dict) -> dict:
    """Metadata without the server's book-keeping of who last touched which field."""
    return {
        key: value for key, value in stored["metadata"].items() if key not in ("managedFields", "resourceVersion")
    }


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
def test_metadata_of_a_request_stays(who, attack, client, team, asked):
    change, sentence = ATTACKS[attack]
    answer = client(who, team).patch("AccessRequest", "ssh", change)
    if sentence is UNDONE:
        assert answer.status == 200, answer.message
    else:
        refused(answer, sentence)
    assert what_counts(client("alice", team).get("AccessRequest", "ssh")) == what_counts(asked)


@pytest.mark.parametrize("attack", [name for name in ATTACKS if "finalizer" not in name])
@pytest.mark.parametrize("who", ["bob", *MEDDLERS])
def test_metadata_of_a_decision_stays(who, attack, client, team, decided):
    change, sentence = ATTACKS[attack]
    refused(client(who, team).patch("AccessDecision", "ssh.bob", change), sentence)
    for change in ({"metadata": {"ownerReferences": None}}, [{"op": "remove", "path": "/metadata/ownerReferences"}]):
        assert client(who, team).patch("AccessDecision", "ssh.bob", change).status == 200  # undone
    assert what_counts(client("bob", team).get("AccessDecision", "ssh.bob")) == what_counts(decided)


@pytest.mark.parametrize("who", MEDDLERS)
def test_the_operators_field_manager_name_gives_no_rights(who, client, team, asked):
    operator = client("operator", team)
    applied = operator.apply(
        "AccessRequest", "ssh", {"metadata": {"name": "ssh", "finalizers": ["portcullis.dev/close"]}}, manager="op"
    )
    assert applied.status == 200, applied.message
    assert client(who, team).apply("AccessRequest", "ssh", {}, manager="op").status == 200  # undone
    assert operator.get("AccessRequest", "ssh")["metadata"]["finalizers"] == ["portcullis.dev/close"]


def test_a_put_that_holds_other_finalizers_is_refused(client, team, asked):
    asked["metadata"]["finalizers"] = ["a.example/b"]
    refused(client("admin", team).put("AccessRequest", asked), "finalizers portcullis.dev/*")


def test_marks_of_others_are_not_ours(client, team, asked):
    change = {
        "metadata": {
            "labels": {"theirs": "2"},
            "annotations": {"a.example/b": "c"},
            "finalizers": ["portcullis.dev/close", "a.example/b"],
        }
    }
    answer = client("alice", team).patch("AccessRequest", "ssh", change)
    assert answer.status == 200, answer.message
    answer = client("alice", team).patch(
        "AccessRequest", "ssh", {"metadata": {"finalizers": ["portcullis.dev/close"]}}
    )
    assert answer.status == 200, answer.message


def test_the_operator_tends_its_marks(client, team, asked):
    operator = client("operator", team)
    for change in (
        {"metadata": {"labels": {"portcullis.dev/x": "1"}, "annotations": {"portcullis.dev/y": "2"}}},
        {"metadata": {"labels": {"portcullis.dev/x": None}}},
        [
            {"op": "test", "path": "/metadata/finalizers/0", "value": "portcullis.dev/close"},
            {"op": "remove", "path": "/metadata/finalizers/0"},
        ],
    ):
        answer = operator.patch("AccessRequest", "ssh", change)
        assert answer.status == 200, answer.message
    stored = client("alice", team).get("AccessRequest", "ssh")["metadata"]
    assert "finalizers" not in stored and stored["annotations"] == {"portcullis.dev/y": "2"}
    emptied = operator.get("AccessRequest", "ssh")
    assert operator.put("AccessRequest", emptied).status == 200  # not put back for the operator


@pytest.mark.parametrize("kind", ["JitPolicy", "CloudAccount"])
def test_finalizers_of_policies_and_accounts_stay(kind, client, team, spec):
    admin, operator, name = client("admin", team), client("operator", team), team[-40:].strip("-")
    assert admin.create(kind, name, spec(kind)).status == 201
    assert operator.patch(kind, name, {"metadata": {"finalizers": ["portcullis.dev/close"]}}).status == 200
    for change in ({"metadata": {"finalizers": None}}, {"metadata": {"finalizers": ["portcullis.dev/other"]}}):
        refused(admin.patch(kind, name, change), "finalizers portcullis.dev/*")
    refused(admin.patch(kind, name, {"metadata": {"labels": {"portcullis.dev/x": "1"}}}), "labels and annotations")
    edit = {"spec": {"suspend": True} if kind == "JitPolicy" else {"freeze": True}}
    assert admin.patch(kind, name, edit).status == 200
    assert admin.delete(kind, name).status == 200
    assert admin.get(kind, name)["metadata"]["deletionTimestamp"]
    assert operator.patch(kind, name, {"metadata": {"finalizers": None}}).status == 200
    assert admin.get(kind, name) is None


# --- deletion


def test_strangers_cannot_delete_a_request(client, team, asked):
    sentence = (
        'may not delete this request: must be the requester, "alice", or hold the verb "revoke" on jitpolicy '
        f'"prod-ssh" in namespace "{team}"'
    )
    for who in ("mallory", "carol"):
        refused(client(who, team).delete("AccessRequest", "ssh"), f'user "{who}" {sentence}')
        refused(client(who, team).delete("AccessRequest", "ssh", "?dryRun=All"), sentence)
        refused(client(who, team).delete("AccessRequest", ""), sentence)  # deletecollection
    assert "deletionTimestamp" not in client("alice", team).get("AccessRequest", "ssh")["metadata"]


@pytest.mark.parametrize("who", ["alice", "bob", "admin", "operator", "collector", "namespaces"])
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
def test_decisions_are_records(who, client, team, decided):
    for query in ("", "?dryRun=All", "?gracePeriodSeconds=0"):
        refused(
            client(who, team).delete("AccessDecision", "ssh.bob", query),
            f'user "{who}" may not delete this decision: it is the record of what "bob" said to request "ssh" (',
        )
    refused(client(who, team).delete("AccessDecision", ""), "may not delete this decision")
    assert client("bob", team).get("AccessDecision", "ssh.bob")


@pytest.mark.parametrize("headers", [COLLECTOR, NAMESPACES, None], ids=["collector", "namespaces", "operator"])
def test_decisions_go_with_what_they_belong_to(headers, client, team, decided):
    actor = client("admin", team) if headers else client("operator", team)
    answer = actor.delete("AccessDecision", "ssh.bob", headers=headers and headers | AS_MASTER)
    assert answer.status == 200, answer.message
    assert client("bob", team).get("AccessDecision", "ssh.bob") is None


# --- decisions


@pytest.mark.parametrize(
    ("decision", "verb"),
    [("Approve", "approve"), ("Deny", "approve"), ("Acknowledge", "approve"), ("Revoke", "revoke")],
)
def test_a_decision_needs_its_verb_on_the_policy_it_names(decision, verb, cluster, client, team, spec):
    given = spec("AccessDecision", decision=decision)
    refused(
        client("alice", team).create("AccessDecision", "mine", given),
        f'user "alice" may not decide {decision}: lacks the verb "{verb}" on jitpolicy "prod-ssh" '
        f'in namespace "{team}"',
    )
    other = {"approve": "revoke", "revoke": "approve"}[verb]
    for name, held in (("other", other), ("right", verb)):
        role = f"{name}-{decision.lower()}"
        cluster.kubectl(
            "admin", "create", "role", role, "-n", team, f"--verb={held}", "--resource=jitpolicies.portcullis.dev"
        )
        cluster.kubectl("admin", "create", "rolebinding", role, "-n", team, f"--role={role}", "--user=mallory")
        answer = client("mallory", team).create("AccessDecision", name, given)
        assert answer.status == (201 if held == verb else 403), answer.message


def test_a_decision_on_a_policy_that_one_may_decide_says_nothing_of_others(client, team, spec):
    refused(
        client("bob", team).create("AccessDecision", "x", spec("AccessDecision", policyName="prod-db")),
        'jitpolicy "prod-db"',
    )


# --- verdicts


@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
def test_nobody_else_writes_a_verdict(who, client, team, spec, asked, new_uid):
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
def test_nobody_else_touches_a_verdict(who, client, team, verdict):
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


def test_a_verdict_may_be_owned_by_its_request_alone(client, team, spec, asked, new_uid):
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


def test_the_systems_controllers_tend_a_verdicts_metadata_alone(client, team, verdict):
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
def test_status_is_the_operators_alone(kind, who, cluster, client, team, spec):
    name, lie = team[-40:].strip("-"), {"status": {"observedGeneration": 99}}
    maker = client("alice" if kind == "AccessRequest" else "admin", team)
    created = maker.create(kind, name, spec(kind))
    assert created.status == 201, created.message
    cluster.apply(_STATUS_ROLE.replace("NAME", name))  # so that not RBAC but the guard answers
    liar = client(who, team)
    sentence = f'user "{who}" may not write status: only the Portcullis operator may'
    refused(liar.patch(kind, name, lie, "status"), sentence)
    refused(liar.apply(kind, name, lie, "status"), sentence)
    refused(liar.put(kind, maker.get(kind, name) | lie, "status"), sentence)
    beside = client("admin", team).patch(kind, name, lie)
    assert beside.status == 200, beside.message
    assert "observedGeneration" not in client("admin", team).get(kind, name).get("status", {})
    assert client("operator", team).patch(kind, name, lie, "status").status == 200


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


_STATUS_ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: status-NAME}
rules:
- {apiGroups: [portcullis.dev], resources: ["*/status"], verbs: [get, update, patch]}
- {apiGroups: [portcullis.dev], resources: [cloudaccounts], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: status-NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: status-NAME}
subjects: [{kind: User, name: alice}, {kind: User, name: carol}]
"""
