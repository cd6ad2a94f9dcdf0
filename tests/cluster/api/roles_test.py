"""Who may do what: the shipped roles, judged by the API server."""

import pytest
import yaml
from world.assets import REPOSITORY
from world.process import wait_for

OPERATOR = "system:serviceaccount:portcullis-system:portcullis"
ROLES = [
    document
    for path in sorted((REPOSITORY / "manifests/rbac").glob("[0-9]*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
    if document["kind"] in ("ClusterRole", "Role")
]
POWERS = ("request", "approve", "revoke", "breakglass")
OURS = ("jitpolicies", "accessrequests", "accessdecisions", "accessverdicts")
WRITES = ("create", "update", "patch", "delete")

# What each role may beyond reading the namespaced kinds.
EXPECTED = {
    "portcullis-viewer": set(),
    "portcullis-requester": {
        ("request", "jitpolicies"),
        ("create", "accessrequests"),
        ("update", "accessrequests"),
        ("patch", "accessrequests"),
    },
    "portcullis-approver": {("approve", "jitpolicies"), ("revoke", "jitpolicies"), ("create", "accessdecisions")},
    "portcullis-policy-editor": {(verb, "jitpolicies") for verb in WRITES},
    "portcullis-admin": {(verb, "jitpolicies") for verb in (*WRITES, *POWERS)}
    | {(verb, "accessrequests") for verb in WRITES}
    | {("create", "accessdecisions")},
}


@pytest.mark.parametrize("role", EXPECTED)
def test_a_role_for_people_gives_exactly_this(role, cluster, namespace, allowed):
    cluster.kubectl(
        "admin", "create", "rolebinding", role, "-n", namespace, f"--clusterrole={role}", f"--user=a-{role}"
    )
    wait_for(
        lambda: allowed(f"a-{role}", "list", "jitpolicies", namespace), 10, "the binding in force", interval=0.02
    )
    given = {
        (verb, resource)
        for resource in OURS
        for verb in (*WRITES, *POWERS, "deletecollection")
        if allowed(f"a-{role}", verb, resource, namespace, "prod-ssh")
    }
    assert given == EXPECTED[role]
    for resource in OURS:
        assert allowed(f"a-{role}", "list", resource, namespace)
        assert not allowed(f"a-{role}", "update", f"{resource}/status", namespace)
        assert not allowed(f"a-{role}", "list", resource, "default")


def test_accounts_are_the_admins(cluster, namespace, allowed):
    for role, writes in (("viewer", False), ("policy-editor", False), ("admin", True)):
        user = f"cluster-{role}-{namespace}"
        cluster.kubectl(
            "admin", "create", "clusterrolebinding", user, f"--clusterrole=portcullis-{role}", f"--user={user}"
        )
        wait_for(lambda user=user: allowed(user, "list", "cloudaccounts"), 10, "the binding in force", interval=0.02)
        assert allowed(user, "update", "cloudaccounts") is writes


def test_only_reading_becomes_part_of_a_built_in_role():
    aggregated = {
        (role["metadata"]["name"], label)
        for role in ROLES
        for label in role["metadata"].get("labels", {})
        if "aggregate-to" in label
    }
    assert aggregated == {("portcullis-viewer", "rbac.authorization.k8s.io/aggregate-to-view")}


def test_no_role_holds_a_wildcard_or_a_way_up():
    for role in ROLES:
        for rule in role["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not words & {"*", "secrets", "escalate", "bind", "impersonate", "pods", "serviceaccounts"}, role[
                "metadata"
            ]
            assert not any("*" in word for word in words), role["metadata"]


OPERATOR_MAY = [
    *((verb, kind, "", "any") for kind in (*OURS, "cloudaccounts") for verb in ("get", "list", "watch")),
    *(
        (verb, kind, "", "any")
        for kind in ("jitpolicies", "cloudaccounts", "accessrequests")
        for verb in ("update", "patch")
    ),
    *(
        (verb, f"{kind}/status", "", "any")
        for kind in ("jitpolicies", "cloudaccounts", "accessrequests", "accessverdicts")
        for verb in ("get", "update", "patch")
    ),
    *((verb, "accessverdicts", "", "any") for verb in WRITES),
    ("delete", "accessrequests", "", "any"),  # when their time as a record is over
    ("create", "accessrequests", "", "portcullis-system"),
    # for one policy, which does not exist: to prove that requesters are stamped
    ("request", "jitpolicies", "", "portcullis-system"),
    ("create", "subjectaccessreviews", "authorization.k8s.io", ""),
    ("create", "events", "events.k8s.io", "any"),
    ("patch", "events", "events.k8s.io", "any"),
    ("create", "leases", "coordination.k8s.io", "portcullis-system"),
    *((verb, "leases", "coordination.k8s.io", "portcullis-system") for verb in ("get", "update", "patch")),
    *(
        (verb, kind, "admissionregistration.k8s.io", "")
        for verb in ("get", "list", "watch")
        for kind in (
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        )
    ),
    ("get", "namespaces", "", ""),
]

OPERATOR_MAY_NOT = [
    *((verb, "jitpolicies", "portcullis.dev", "any", "prod-ssh") for verb in (*POWERS, "create", "delete")),
    ("request", "jitpolicies", "portcullis.dev", "portcullis-system", "prod-ssh"),
    ("request", "jitpolicies", "portcullis.dev", "any", "portcullis-guard-probe"),
    ("create", "accessrequests", "portcullis.dev", "any", ""),
    ("create", "accessdecisions", "portcullis.dev", "any", ""),
    ("create", "accessdecisions", "portcullis.dev", "portcullis-system", ""),
    ("update", "accessdecisions", "portcullis.dev", "any", ""),
    ("delete", "accessdecisions", "portcullis.dev", "any", "ssh"),
    ("delete", "cloudaccounts", "portcullis.dev", "", "prod"),
    ("update", "leases", "coordination.k8s.io", "portcullis-system", "another"),
    ("update", "leases", "coordination.k8s.io", "any", "portcullis"),
    ("get", "namespaces", "", "", "default"),
    ("list", "namespaces", "", "", ""),
    ("get", "secrets", "", "portcullis-system", ""),
    ("list", "pods", "", "any", ""),
    ("update", "validatingadmissionpolicies", "admissionregistration.k8s.io", "", ""),
    ("delete", "customresourcedefinitions", "apiextensions.k8s.io", "", ""),
    ("create", "serviceaccounts/token", "", "portcullis-system", "portcullis"),
    ("impersonate", "users", "", "", "alice"),
]


def test_the_operator_may_do_its_work(cluster, allowed):
    cluster.namespace("any")
    names = {"leases": "portcullis", "namespaces": "kube-system"}
    probe = "portcullis-guard-probe"
    lacking = [
        (verb, resource)
        for verb, resource, group, namespace in OPERATOR_MAY
        if not allowed(
            OPERATOR,
            verb,
            resource,
            namespace,
            probe if verb == "request" else names.get(resource, "x") if verb != "create" else "",
            group or ("" if resource == "namespaces" else "portcullis.dev"),
        )
    ]
    assert lacking == []


def test_the_operator_may_do_nothing_else(allowed):
    too_much = [
        (verb, resource, namespace, name)
        for verb, resource, group, namespace, name in OPERATOR_MAY_NOT
        if allowed(OPERATOR, verb, resource, namespace, name, group)
    ]
    assert too_much == []


def test_each_right_of_the_operator_is_one_that_it_needs():
    """The other way round: no rule of its roles stands there unmentioned above."""
    mentioned = {(verb, resource) for verb, resource, *_ in OPERATOR_MAY}
    held = {
        (verb, resource)
        for role in ROLES
        if role["metadata"]["name"] == "portcullis-operator"
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    assert held - mentioned == set()


def test_a_power_is_given_for_one_policy(cluster, namespace, allowed):
    samples = (REPOSITORY / "manifests/samples/30-access-to-one-policy.yaml").read_text()
    cluster.apply(samples.replace("namespace: team-a", f"namespace: {namespace}"))
    for group, verb in (("sre", "request"), ("sre-leads", "approve")):
        wait_for(
            lambda group=group, verb=verb: allowed("", verb, "jitpolicies", namespace, "prod-ssh", groups=[group]),
            10,
            "the binding in force",
            interval=0.02,
        )
    who = ["auth", "can-i", "-n", namespace, "--as=alice"]
    for group, verb, right in (
        ("sre", "request", "yes"),
        ("sre", "approve", "no"),
        ("sre-leads", "approve", "yes"),
        ("sre-leads", "revoke", "yes"),
        ("sre-leads", "request", "no"),
        ("others", "request", "no"),
    ):
        for policy, yes in (("prod-ssh", right), ("prod-db", "no")):
            said = cluster.kubectl("admin", *who, f"--as-group={group}", verb, f"jitpolicies/{policy}", check=False)
            assert said.stdout.strip() == yes, (group, verb, policy)
