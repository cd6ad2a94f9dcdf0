"""`portcullis check` as shipped: against a world in which all is well, and each time with one thing broken."""

import copy
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from team import Team
from world import assets
from world.assets import REPOSITORY
from world.certificates import write_private
from world.lab import Lab
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

HERE = Path(__file__).parent
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}"
RBAC = "/apis/rbac.authorization.k8s.io/v1/clusterroles/portcullis-operator"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world of its own, since these tests break it."""
    seed = yaml.safe_load((HERE / "seed.yaml").read_text())
    seed["nsgs"] = [{"resourceGroup": "net", "name": "hosts", "rules": []}]
    with World(seed, dataplane="none", operator_flags=("--identity=check",)) as world:
        world.cluster.apply(HERE / "account.yaml")
        account = lambda: world.cluster.identity("admin").request(  # noqa: E731
            "GET", "/apis/portcullis.dev/v1alpha1/cloudaccounts/prod"
        ).body
        wait_for(lambda: "Ready" in json.dumps(account().get("status", {})), 30, "the account was looked at")
        yield world


@dataclass
class Answer:
    status: int
    out: str
    err: str

    def lines(self, level: str, subject: str = "") -> list[str]:
        start = f"{level:<5} {subject}"
        return [line for line in self.out.splitlines() if line.startswith(start)]


@pytest.fixture
def check(world: World, tmp_path: Path) -> Any:
    """Runs it as somebody, admin by default, with another lab or secret if told."""

    def run(*flags: str, user: str = "admin", lab: Lab | None = None, secret: str = SECRET) -> Answer:
        cloud = lab or world.lab
        kubeconfig = world.cluster.identity(user).kubeconfig
        command = [
            str(assets.binary("portcullis")), "check", f"--kubeconfig={kubeconfig}",
            f"--azure-arm-endpoint={cloud.arm}", f"--azure-login-endpoint={cloud.login}",
            f"--azure-ca-file={cloud.ca}",
            f"--azure-client-secret-file={write_private(tmp_path / 'secret', secret.encode())}", *flags,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        answer = Answer(done.returncode, done.stdout, done.stderr)
        assert secret not in answer.out + answer.err
        assert "eyJ" not in answer.out + answer.err  # the beginning of every token
        return answer

    return run


def test_where_all_is_well_it_says_so_and_changes_nothing(world: World, check: Any, team: Team):
    team.policy(team.machine(), enforcement="Audit")
    world.lab.forget_requests()
    answer = check()
    assert answer.status == 0, answer
    assert answer.lines("FAIL") == [] and answer.lines("warn") == []
    for subject in ("api server", "identity", "clock", "admission", "rights", "lease", "policies"):
        assert len(answer.lines("ok", f"{subject}:")) == 1, answer.out
    assert len(answer.lines("ok", "crd ")) == 5
    assert all("as shipped" in line for line in answer.lines("ok", "crd "))
    assert len(answer.lines("ok", "account prod")) == 3
    assert answer.out.splitlines()[-1].startswith("0 FAIL, 0 warn, ")
    assert world.lab.writes() == []
    document = json.loads(check("--output=json").out)
    assert document["ok"] and {each["level"] for each in document["findings"]} == {"ok"}


def test_the_operators_own_identity_sees_enough(check: Any, team: Team):
    answer = check(user=OPERATOR)
    assert answer.status == 0, answer
    assert "as the operator" in answer.lines("ok", "identity")[0]
    assert all("schema was not compared" in line for line in answer.lines("ok", "crd "))
    assert len(answer.lines("ok", "rights:")) == 1


def test_whoever_may_nothing_is_told_what_was_not_checked(world: World, check: Any, mallory: Path):
    answer = check(user="mallory")
    assert answer.status == 0
    assert "not checked" in answer.lines("warn", "rights:")[0]
    assert "not checked" in answer.lines("warn", "admission:")[0]
    assert "not checked" in answer.lines("warn", "accounts:")[0]


def test_an_admission_binding_that_is_gone(world: World, check: Any):
    path = f"{ADMISSION}/validatingadmissionpolicybindings/portcullis-request-create"
    admin = world.cluster.identity("admin")
    assert admin.request("DELETE", path).status == 200
    try:
        answer = check()
    finally:
        world.cluster.apply(REPOSITORY / "manifests/admission")
    assert answer.status == 1
    (line,) = answer.lines("FAIL")
    assert 'admission: ValidatingAdmissionPolicyBinding "portcullis-request-create" does not exist' in line
    assert "-> kubectl" in line and "manifests/admission" in line
    assert check().status == 0


@pytest.mark.parametrize("user", ["admin", OPERATOR])
def test_a_verb_that_the_role_lost(world: World, check: Any, user: str):
    admin = world.cluster.identity("admin")
    role = admin.request("GET", RBAC).body
    rules = copy.deepcopy(role["rules"])
    for rule in rules:
        if "jitpolicies/status" in rule["resources"]:
            rule["verbs"].remove("patch")
    changed = admin.request("PATCH", RBAC, {"rules": rules}, content_type="application/merge-patch+json")
    assert changed.status == 200
    try:
        answer = wait_for(lambda: (seen := check(user=user)).lines("FAIL") and seen, 20, "the authorizer has seen it")
    finally:
        world.cluster.apply(REPOSITORY / "manifests/rbac")
    assert answer.status == 1
    assert [line.split(" -> ")[0] for line in answer.lines("FAIL")] == [
        f"FAIL  rights: {OPERATOR} may not patch {what}/status.portcullis.dev"
        for what in ("accessrequests", "accessverdicts", "cloudaccounts", "jitpolicies")
    ]
    assert "manifests/rbac" in answer.lines("FAIL")[0]
    wait_for(lambda: check(user=user).status == 0, 20, "all is well again")


def test_a_wrong_secret(world: World, check: Any):
    client = yaml.safe_load((HERE / "account.yaml").read_text())["spec"]["azure"]["clientID"]
    seed = yaml.safe_load((HERE / "seed.yaml").read_text())
    seed["credentials"] = [{"clientID": client, "secret": secrets.token_hex(16)}]
    with Lab(seed) as strict:
        answer = check(lab=strict, secret="hunter2-hunter2")
    assert answer.status == 1
    (line,) = answer.lines("FAIL")
    assert line.startswith("FAIL  account prod: no token") and "AADSTS7000215" in line and "the secret" in line


@pytest.fixture
def cloud(world: World) -> Iterator[Lab]:
    yield world.lab
    world.lab.lift()


def test_locks_and_missing_rights_in_the_cloud(cloud: Lab, check: Any):
    group = f"/subscriptions/{yaml.safe_load((HERE / 'seed.yaml').read_text())['subscription']}/resourceGroups"
    cloud.lock(f"{group}/web", "ReadOnly")  # no NSG is there
    assert check().status == 0
    cloud.lock(f"{group}/net")
    answer = check()
    assert answer.status == 0
    assert "CanNotDelete" in answer.lines("warn", "account prod locks:")[0]
    cloud.lock(f"{group}/net/providers/Microsoft.Network/networkSecurityGroups/hosts", "ReadOnly")
    answer = check()
    assert answer.status == 1
    assert "nothing can be locked, opened or closed" in answer.lines("FAIL", "account prod locks:")[0]
    cloud.lift()
    cloud.deny("Microsoft.Network/networkSecurityGroups/securityRules/write", f"{group}/net")
    answer = check()
    assert answer.status == 1
    assert "in resource group net it may not" in answer.lines("FAIL", "account prod rights:")[0]
    assert "securityRules/write" in answer.lines("FAIL", "account prod rights:")[0]
    cloud.lift()
    cloud.deny("Microsoft.Authorization/*")
    answer = check()
    assert answer.status == 0
    assert "not checked" in answer.lines("warn", "account prod locks:")[0]
    assert "not checked" in answer.lines("warn", "account prod rights:")[0]


def test_a_policy_that_is_not_ready(check: Any, team: Team):
    lonely = team.machine(nsg=False)
    policy = team.policy(lonely, wait=False)
    policy.wait_condition("Ready", "False", "Unprotected")
    answer = check()
    assert answer.status == 1
    (line,) = answer.lines("FAIL")
    assert line.startswith(f"FAIL  policy {team.namespace}/ssh: not Ready, Unprotected: ")
    assert f"kubectl describe jitp -n {team.namespace} ssh" in line


def test_an_operator_that_does_not_run(world: World, check: Any):
    world.operator.stop()
    try:
        answer = check()
    finally:
        world.operator.start()
    assert "no operator runs" in answer.lines("warn", "lease:")[0]
    assert answer.status == 0


def test_no_api_server(check: Any, tmp_path: Path):
    nobody = tmp_path / "config"
    nobody.write_text(yaml.safe_dump({
        "current-context": "c", "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }))
    command = [str(assets.binary("portcullis")), "check", f"--kubeconfig={nobody}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  api server: http://127.0.0.1:1: ")
    nobody.write_text("clusters: [")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  kubeconfig: ")


def test_crds_that_are_others_or_missing(world: World, check: Any):
    """The last one: what was stored in that kind is gone afterwards."""
    admin = world.cluster.identity("admin")
    path = f"{CRDS}/accessdecisions.portcullis.dev"
    versions = admin.request("GET", path).body["spec"]["versions"]
    spec = versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["reason"]["maxLength"] += 1
    patched = admin.request("PATCH", path, {"spec": {"versions": versions}}, "application/merge-patch+json")
    assert patched.status == 200, patched.message
    answer = check()
    assert answer.status == 1
    (line,) = answer.lines("FAIL")
    assert "crd accessdecisions.portcullis.dev: is not that of this version: spec.versions" in line
    assert "maxLength" in line and "kubectl apply -k crds" in line
    assert admin.request("DELETE", path).status == 200
    try:
        answer = wait_for(
            lambda: (seen := check()) and "is not served" in "".join(seen.lines("FAIL", "crd ")) and seen, 30, "gone"
        )
    finally:
        world.cluster.apply(REPOSITORY / "crds")
        world.cluster.wait_for_crds()
    assert answer.status == 1
    assert answer.lines("FAIL", "crd ")[0].startswith(
        "FAIL  crd accessdecisions.portcullis.dev: is not served in portcullis.dev/v1alpha1 -> kubectl apply -k crds"
    )
    wait_for(lambda: check().status == 0, 30, "all is well again")
