"""Who may ask, who may give back, and that our marks on objects stay: also for system:masters."""

import pytest

OPERATOR = "system:serviceaccount:portcullis-system:portcullis"
MEDDLERS = ["carol", "admin"]  # may write anything by RBAC; admin is in system:masters


# --- who may ask


def test_who_lacks_the_verb_is_told_so_in_one_sentence(client, team, spec, refused):
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


def test_the_verb_on_one_policy_is_none_on_another(client, team, spec, refused):
    answer = client("alice", team).create(
        "AccessRequest", "ssh", spec("AccessRequest", policyRef={"name": "prod-db"})
    )
    refused(answer, 'user "alice" may not ask', 'on jitpolicy "prod-db"')


def test_the_verb_counts_in_its_namespace_only(cluster, client, team, spec, allow, refused):
    other = cluster.namespace(f"{team}-other")
    allow("alice", "create", "accessrequests", other)
    refused(client("alice", other).create("AccessRequest", "ssh", spec("AccessRequest")), f'in namespace "{other}"')


def test_break_glass_needs_a_verb_of_its_own(client, team, spec, allow, refused):
    alice = client("alice", team)
    refused(
        alice.create("AccessRequest", "now", spec("AccessRequest", breakGlass=True)),
        'user "alice" may not use break-glass: lacks the verb "breakglass" on jitpolicy "prod-ssh"',
    )
    allow("alice", "breakglass", "jitpolicies", team, "prod-ssh")
    assert alice.create("AccessRequest", "now", spec("AccessRequest", breakGlass=True)).status == 201


def test_break_glass_alone_does_not_allow_to_ask(client, team, spec, allow, refused):
    allow("mallory", "breakglass", "jitpolicies", team)
    answer = client("mallory", team).create("AccessRequest", "now", spec("AccessRequest", breakGlass=True))
    refused(answer, 'lacks the verb "request"')


MARKS = [
    ({"labels": {"portcullis.dev/instance": "x"}}, "labels and annotations portcullis.dev/*"),
    ({"annotations": {"portcullis.dev/skip": "true"}}, "labels and annotations portcullis.dev/*"),
    ({"finalizers": ["portcullis.dev/mine"]}, "finalizers portcullis.dev/*"),
]


@pytest.mark.parametrize(("metadata", "sentence"), MARKS)
def test_our_marks_cannot_be_set_at_creation(metadata, sentence, client, team, spec, refused):
    refused(client("alice", team).create("AccessRequest", "ssh", spec("AccessRequest"), metadata), sentence)
    refused(client("bob", team).create("AccessDecision", "yes", spec("AccessDecision"), metadata), sentence)


OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine", "uid": "9c1e4c1e-0000-4000-8000-1d6c9a110002"}
BULKY = "may hold 16384 characters each"
# What a request may not bring with it: who may delete its owner could have it, and its decisions, collected as garbage;
# and a list of requests that are all as large as they can be is read by nobody.
BAGGAGE = {
    "an owner": ({"ownerReferences": [OWNER]}, "ownerReferences must be left out"),
    "an owner that says it is a controller": (
        {"ownerReferences": [OWNER | {"controller": True, "blockOwnerDeletion": True}]},
        "ownerReferences must be left out",
    ),
    "a large annotation": ({"annotations": {"a.example/b": "x" * 16400}}, BULKY),
    "many annotations": ({"annotations": {f"a.example/{n:04}": "x" * 100 for n in range(150)}}, BULKY),
    "many labels": ({"labels": {f"a.example/{n:04}": "x" * 60 for n in range(250)}}, BULKY),
}


@pytest.mark.parametrize("what", BAGGAGE)
@pytest.mark.parametrize("how", ["create", "apply"])
def test_a_request_comes_without_baggage(how, what, client, team, spec, refused):
    alice, (metadata, sentence) = client("alice", team), BAGGAGE[what]
    if how == "create":
        answer = alice.create("AccessRequest", "ssh", spec("AccessRequest"), metadata)
    else:
        content = {"metadata": {"name": "ssh"} | metadata, "spec": spec("AccessRequest")}
        answer = alice.apply("AccessRequest", "ssh", content)
    refused(answer, sentence)
    assert alice.get("AccessRequest", "ssh") is None


@pytest.mark.parametrize("what", [name for name, (_, sentence) in BAGGAGE.items() if sentence is BULKY])
def test_a_decision_comes_without_bulk(what, client, team, asked, spec, refused):
    bob, (metadata, sentence) = client("bob", team), BAGGAGE[what]
    refused(bob.create("AccessDecision", "ssh.bob", spec("AccessDecision"), metadata), sentence)
    assert bob.get("AccessDecision", "ssh.bob") is None


@pytest.mark.parametrize("who", ["bob", *MEDDLERS])
def test_a_decision_does_not_grow_afterwards(who, client, team, decided, refused):
    change = {"metadata": {"annotations": {"a.example/b": "x" * 16400}}}
    refused(client(who, team).patch("AccessDecision", "ssh.bob", change), BULKY)


def test_what_kubectl_and_others_write_into_annotations_is_welcome(client, team, spec):
    alice = client("alice", team)
    written = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x" * 16000}}
    answer = alice.create("AccessRequest", "ssh", spec("AccessRequest"), written)
    assert answer.status == 201, answer.message


@pytest.mark.parametrize("who", ["alice", *MEDDLERS])
def test_a_request_does_not_grow_afterwards(who, client, team, asked, refused):
    change = {"metadata": {"annotations": {"a.example/b": "x" * 16400}}}
    refused(client(who, team).patch("AccessRequest", "ssh", change), BULKY)


def test_the_operator_asks_and_decides_on_paper_only(client, namespace, spec, allow, refused):
    """What it needs to prove that the guards are in force; a stolen token must not open anything by asking.

    Its role does not even let it make decisions: behind that stands the guard.
    """
    decision = spec("AccessDecision", author={"username": "portcullis:forged"})
    refused(client("operator", namespace).create("AccessDecision", "real", decision), "cannot create resource")
    allow(OPERATOR, "create", "accessdecisions", namespace)
    asked = spec("AccessRequest", requester={"username": "portcullis:forged"})
    for kind, where, given in (
        ("AccessRequest", "portcullis-system", asked),
        ("AccessDecision", namespace, decision),
    ):
        operator = client("operator", where)
        refused(operator.create(kind, "probe", given, query="&dryRun=All"), f'user "{OPERATOR}"', "lacks the verb")
        refused(operator.create(kind, "real", given), "only as a dry run")


# --- revoke


def test_only_the_requester_gives_access_back(client, team, asked, refused):
    for who in ("mallory", "bob", "admin", "operator"):
        answer = client(who, team).patch("AccessRequest", "ssh", {"spec": {"revoke": True}})
        refused(answer, 'only the requester, "alice", may', "make an AccessDecision with decision Revoke")
    answer = client("alice", team).patch("AccessRequest", "ssh", {"spec": {"revoke": True}})
    assert answer.status == 200, answer.message
    assert client("alice", team).get("AccessRequest", "ssh")["spec"]["revoke"] is True


def test_a_namesake_with_another_uid_is_somebody_else(client, team, spec, allow, refused):
    allow("carol", "request", "jitpolicies", team, "prod-ssh")
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
def test_metadata_of_a_request_stays(who, attack, client, team, asked, refused):
    change, sentence = ATTACKS[attack]
    answer = client(who, team).patch("AccessRequest", "ssh", change)
    if sentence is UNDONE:
        assert answer.status == 200, answer.message
    else:
        refused(answer, sentence)
    assert what_counts(client("alice", team).get("AccessRequest", "ssh")) == what_counts(asked)


@pytest.mark.parametrize("attack", [name for name in ATTACKS if "finalizer" not in name])
@pytest.mark.parametrize("who", ["bob", *MEDDLERS])
def test_metadata_of_a_decision_stays(who, attack, client, team, decided, refused):
    change, sentence = ATTACKS[attack]
    refused(client(who, team).patch("AccessDecision", "ssh.bob", change), sentence)
    ours = {"metadata": {"finalizers": ["portcullis.dev/never"]}}
    refused(client(who, team).patch("AccessDecision", "ssh.bob", ours), "finalizers portcullis.dev/*")
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


def test_a_put_that_holds_other_finalizers_is_refused(client, team, asked, refused):
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
def test_finalizers_of_policies_and_accounts_stay(kind, client, team, spec, refused):
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
