"""Who asked, who decided, who gave the verdict: the API server writes it down, over whatever the client says."""

import pytest
import yaml
from world.process import wait_for

OPERATOR = "system:serviceaccount:portcullis-system:portcullis"
FORGED = {"username": "bob", "uid": "u-bob", "groups": ["system:masters"], "extra": {"scopes": ["all"]}}
ALICE = {"username": "alice", "uid": "", "groups": ["engineers", "system:authenticated"]}


@pytest.mark.parametrize(
    "claimed",
    [
        None,
        FORGED,
        {"username": "bob"},
        {"username": ""},
        {"username": "alice", "groups": ["approvers"]},
        "root",
        7,
        [],
    ],
    ids=str,
)
def test_the_requester_is_who_made_the_request(claimed, client, team, spec):
    given = spec("AccessRequest") | ({} if claimed is None else {"requester": claimed})
    created = client("alice", team).create("AccessRequest", "ssh", given)
    assert created.status == 201, created.message
    assert created.body["spec"]["requester"] == ALICE
    assert client("alice", team).get("AccessRequest", "ssh")["spec"]["requester"] == ALICE


@pytest.mark.parametrize("claimed", [None, FORGED, "root"], ids=str)
def test_the_author_is_who_made_the_decision(claimed, client, team, spec):
    given = spec("AccessDecision") | ({} if claimed is None else {"author": claimed})
    created = client("bob", team).create("AccessDecision", "yes", given)
    assert created.status == 201, created.message
    assert created.body["spec"]["author"] == {
        "username": "bob",
        "uid": "",
        "groups": ["engineers", "approvers", "system:authenticated"],
    }


@pytest.mark.parametrize("claimed", [None, "alice"])
def test_the_verdict_says_who_wrote_it(claimed, client, team, spec, new_uid):
    uid = new_uid()
    given = spec("AccessVerdict", requestRef={"uid": uid}, by=claimed)
    created = client("operator", team).create("AccessVerdict", uid, given)
    assert created.status == 201, created.message
    assert created.body["spec"]["by"] == OPERATOR


def test_the_uid_of_a_user_who_has_one_is_written_down(client, team, spec, allow):
    allow("carol", "request", "jitpolicies", team, "prod-ssh")
    created = client("carol", team).create("AccessRequest", "ssh", spec("AccessRequest"))
    assert created.body["spec"]["requester"]["uid"] == "u-carol"


def test_what_the_authenticator_adds_is_written_down_but_for_the_credential(client, team, spec):
    headers = {
        "Impersonate-User": "alice",
        "Impersonate-Group": "engineers",
        "Impersonate-Extra-example.com%2fteam": "web",
        "Impersonate-Extra-authentication.kubernetes.io%2fcredential-id": "JTI=1",
        "Impersonate-Extra-authentication.kubernetes.io%2fpod-name": "shell",
    }
    admin = client("admin", team)
    created = admin.create("AccessRequest", "ssh", spec("AccessRequest", requester=FORGED), headers=headers)
    assert created.status == 201, created.message
    assert created.body["spec"]["requester"]["extra"] == {"example.com/team": ["web"]}
    decision = spec("AccessDecision", author=FORGED)
    created = admin.create("AccessDecision", "yes", decision, headers=headers | {"Impersonate-User": "bob"})
    assert created.body["spec"]["author"]["extra"] == {"example.com/team": ["web"]}


def test_a_dry_run_and_a_generated_name_are_stamped_too(client, team, spec):
    alice = client("alice", team)
    dry = alice.create("AccessRequest", "dry", spec("AccessRequest", requester=FORGED), query="&dryRun=All")
    assert dry.body["spec"]["requester"] == ALICE
    named = alice.create("AccessRequest", "", spec("AccessRequest"), {"generateName": "ssh-"})
    assert named.body["metadata"]["name"].startswith("ssh-")
    assert named.body["spec"]["requester"] == ALICE


def test_server_side_apply_creates_a_stamped_request(client, team, spec):
    created = client("alice", team).apply("AccessRequest", "ssh", {"spec": spec("AccessRequest", requester=FORGED)})
    assert created.status == 201, created.message
    assert created.body["spec"]["requester"] == ALICE


def test_a_request_without_spec_is_refused_in_plain_words(client, team):
    alice = client("alice", team)
    for kind in ("AccessRequest", "AccessDecision"):
        answer = alice.user.request(
            "POST",
            alice.path(kind),
            {"apiVersion": "portcullis.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}},
        )
        assert answer.status == 422
        assert "spec: Required value" in answer.message


# --- and it stays


@pytest.fixture
def request_of_alice(client, team, spec) -> dict:
    return client("alice", team).create("AccessRequest", "ssh", spec("AccessRequest")).body


def manifest(stored: dict) -> dict:
    """What kubectl replace sends of what stands in Git: name and spec, and the version that it replaces."""
    return {
        "apiVersion": stored["apiVersion"],
        "kind": stored["kind"],
        "metadata": {key: stored["metadata"][key] for key in ("name", "namespace", "resourceVersion")},
        "spec": {key: value for key, value in stored["spec"].items() if key not in ("requester", "author")},
    }


def unmanaged(stored: dict) -> dict:
    """The object without the server's book-keeping of who last touched which field."""
    metadata = {
        key: value for key, value in stored["metadata"].items() if key not in ("managedFields", "resourceVersion")
    }
    return stored | {"metadata": metadata}


@pytest.mark.parametrize("who", ["alice", "carol", "admin"])
@pytest.mark.parametrize("claimed", [None, FORGED], ids=["absent", "forged"])
def test_replacing_a_request_by_its_manifest_changes_nothing(who, claimed, client, team, request_of_alice):
    again = manifest(request_of_alice)
    if claimed:
        again["spec"]["requester"] = claimed
    answer = client(who, team).put("AccessRequest", again)
    assert answer.status == 200, answer.message
    assert unmanaged(answer.body) == unmanaged(request_of_alice)


@pytest.mark.parametrize("who", ["carol", "admin"])
def test_a_patch_of_the_requester_changes_nothing(who, client, team, request_of_alice):
    for change in (
        {"spec": {"requester": FORGED}},
        {"spec": {"requester": None}},
        [{"op": "remove", "path": "/spec/requester/groups/0"}],
        [{"op": "replace", "path": "/spec/requester/username", "value": "bob"}],
    ):
        answer = client(who, team).patch("AccessRequest", "ssh", change)
        assert answer.status == 200, answer.message
        assert answer.body["spec"]["requester"] == ALICE
        assert answer.body["metadata"]["generation"] == 1


def test_applying_the_manifest_again_changes_nothing(cluster, client, team, request_of_alice):
    """As kubectl and as GitOps tools do it, by somebody else too."""
    in_git = manifest(request_of_alice)
    del in_git["metadata"]["resourceVersion"]
    text = yaml.safe_dump(in_git)
    for user in ("alice", "carol"):
        for flags in ([], ["--server-side", "--force-conflicts"]):
            cluster.kubectl(user, "apply", "-n", team, *flags, "-f", "-", input=text)
            cluster.kubectl(
                user, "diff", "-n", team, *flags[:1], "-f", "-", input=text
            )  # exit status 1: a difference
        cluster.kubectl(user, "replace", "-n", team, "-f", "-", input=text)
    stored = client("alice", team).get("AccessRequest", "ssh")
    assert stored["spec"] == request_of_alice["spec"]
    assert stored["metadata"]["generation"] == 1


def test_replacing_a_decision_by_its_manifest_changes_nothing(client, team, spec):
    bob = client("bob", team)
    stored = bob.create("AccessDecision", "yes", spec("AccessDecision")).body
    plain = client("admin", team).put("AccessDecision", manifest(stored))
    assert plain.status == 200, plain.message
    assert unmanaged(plain.body) == unmanaged(stored)
    again = manifest(plain.body)
    again["spec"]["author"] = FORGED
    forged = client("admin", team).put("AccessDecision", again)
    assert forged.status == 200, forged.message
    assert unmanaged(forged.body) == unmanaged(stored)


# --- what is stamped besides


def test_a_decision_is_owned_by_its_request(client, team, spec):
    owner = {
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "AccessRequest",
        "name": "ssh-1",
        "uid": "9c1e4c1e-0000-4000-8000-1d6c9a110001",
    }
    stranger = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "0c1e4c1e-0000-4000-8000-1d6c9a110001"}
    for name, metadata in (
        ("plain", {}),
        ("forged", {"ownerReferences": [stranger]}),
        ("both", {"ownerReferences": [stranger, owner]}),
    ):
        created = client("bob", team).create("AccessDecision", name, spec("AccessDecision"), metadata)
        assert created.status == 201, created.message
        assert created.body["metadata"]["ownerReferences"] == [owner]


@pytest.mark.parametrize("given", [None, ["example.com/theirs"], ["portcullis.dev/close"], []])
def test_requests_and_verdicts_hold_our_finalizer_from_the_start(given, client, team, spec, new_uid):
    metadata = {} if given is None else {"finalizers": given}
    wanted = sorted({*(given or []), "portcullis.dev/close"})
    created = client("alice", team).create("AccessRequest", "ssh", spec("AccessRequest"), metadata)
    assert created.status == 201, created.message
    assert sorted(created.body["metadata"]["finalizers"]) == wanted
    uid = new_uid()
    verdict = client("operator", team).create(
        "AccessVerdict", uid, spec("AccessVerdict", requestRef={"uid": uid}), metadata
    )
    assert verdict.status == 201, verdict.message
    assert sorted(verdict.body["metadata"]["finalizers"]) == wanted


# --- servers before 1.36


UNTRUE = [
    (None, "spec.requester.username must be"),
    ({"username": "mallory"}, "spec.requester.username must be"),
    ({"username": "Alice"}, "spec.requester.username must be"),
    ({"uid": "u-alice"}, "spec.requester.uid must be"),
    ({"groups": None}, "spec.requester.groups must be"),
    ({"groups": ["engineers"]}, "spec.requester.groups must be"),
    ({"groups": ["engineers", "system:authenticated", "approvers"]}, "spec.requester.groups must be"),
    ({"groups": ["system:authenticated", "engineers"]}, "spec.requester.groups must be"),
    ({"extra": {"scopes": ["all"]}}, "spec.requester.extra must be"),
    ({"extra": {"authentication.kubernetes.io/credential-id": ["x"]}}, "spec.requester.extra must be"),
]


BOB = {"username": "bob", "uid": "", "groups": ["engineers", "approvers", "system:authenticated"]}


@pytest.mark.parametrize(("change", "sentence"), UNTRUE, ids=[str(change) for change, _ in UNTRUE])
def test_without_stamps_only_the_truth_is_taken(change, sentence, client, unstamped, spec, merge):
    for who, truth, kind, part in (
        ("alice", ALICE, "AccessRequest", "requester"),
        ("bob", BOB, "AccessDecision", "author"),
    ):
        claimed = merge({part: truth}, {part: change})
        answer = client(who, unstamped).create(kind, "x", spec(kind, **claimed), query="&dryRun=All")
        assert answer.status == 403, answer.message
        assert sentence.replace("requester", part) in answer.message


def test_without_stamps_the_truth_is_taken(client, unstamped, spec):
    created = client("alice", unstamped).create("AccessRequest", "true", spec("AccessRequest", requester=ALICE))
    assert created.status == 201, created.message
    assert "finalizers" not in created.body["metadata"]  # the operator adds it there, before it opens anything
    no_uid = {"username": "alice", "groups": ALICE["groups"]}
    assert (
        client("alice", unstamped).create("AccessRequest", "true-2", spec("AccessRequest", requester=no_uid)).status
        == 201
    )
    assert client("bob", unstamped).create("AccessDecision", "true", spec("AccessDecision", author=BOB)).status == 201


def test_without_stamps_a_verdict_names_its_true_writer(client, unstamped, spec, new_uid):
    operator = client("operator", unstamped)
    for by, status in ((None, 403), ("alice", 403), (OPERATOR, 201)):
        uid = new_uid()
        answer = operator.create("AccessVerdict", uid, spec("AccessVerdict", requestRef={"uid": uid}, by=by))
        assert answer.status == status, answer.message
        assert status == 201 or f'spec.by must be "{OPERATOR}"' in answer.message


def test_without_stamps_a_decision_may_name_no_other_owner(client, unstamped, spec):
    good = {
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "AccessRequest",
        "name": "ssh-1",
        "uid": "9c1e4c1e-0000-4000-8000-1d6c9a110001",
    }
    for number, change in enumerate(
        (
            {"kind": "ConfigMap"},
            {"apiVersion": "v1"},
            {"name": "other"},
            {"uid": "0c1e4c1e-0000-4000-8000-1d6c9a110001"},
        )
    ):
        answer = client("bob", unstamped).create(
            "AccessDecision",
            f"owned-{number}",
            spec("AccessDecision", author=BOB),
            {"ownerReferences": [good | change]},
        )
        assert answer.status == 403
        assert "ownerReferences of an AccessDecision must name its request alone" in answer.message
    metadata = {"ownerReferences": [good]}
    assert (
        client("bob", unstamped)
        .create("AccessDecision", "owned", spec("AccessDecision", author=BOB), metadata)
        .status
        == 201
    )


def test_after_a_restart_of_the_server_nothing_is_taken_unstamped(cluster, client, team, spec):
    """The server needs seconds to load a mutating policy; until then it must refuse, not skip it."""
    cluster.restart_api_server()
    alice = client("alice", team)
    answers = []

    def stamped() -> bool:
        answers.append(
            alice.create("AccessRequest", f"early-{len(answers)}", spec("AccessRequest", requester=FORGED))
        )
        return answers[-1].status == 201

    wait_for(stamped, 30, "a create accepted", interval=0.05)
    assert answers[-1].body["spec"]["requester"] == ALICE
    assert {answer.status for answer in answers[:-1]} <= {403, 429, 503}
    cluster.wait_for_guards()
