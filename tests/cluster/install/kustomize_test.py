"""`kubectl apply -k manifests/default` on an empty cluster, and a pod of its Deployment with nothing but what that gives it.

The pod is a real Pod object with its own bound token, and its container runs in the image's files, as the image's user; only
the node is missing. The tests of this file follow a cluster's life and run in their order.
"""

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from world.assets import REPOSITORY
from world.audit import AuditedControlPlane
from world.lab import Lab
from world.pod import Pod, can_contain, image_root
from world.process import wait_for
from world.shipped import DEFAULT, NAMESPACE, kustomize
from world.world import OPERATOR_ACCOUNT

API = "/apis/portcullis.dev/v1alpha1"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{OPERATOR_ACCOUNT}"
CLIENT = "33333333-3333-4333-8333-333333333333"
SEED = {
    "subscription": "11111111-1111-4111-8111-111111111111",
    "tenant": "22222222-2222-4222-8222-222222222222",
    "credentials": [{"clientID": CLIENT, "federatedToken": "what the pod is federated by"}],
    "clients": [{"name": "alice", "addresses": ["203.0.113.7"]}],
    "nsgs": [{
        "resourceGroup": "net", "name": "nsg-web",
        "rules": [{"name": "ssh", "priority": 1000, "access": "Allow", "protocol": "Tcp", "ports": 22}],
    }],
    "networks": [{"resourceGroup": "net", "name": "vnet", "subnets": [{"name": "web", "prefix": "10.0.0.0/24"}]}],
    "vms": [{
        "resourceGroup": "web", "name": "web-1", "listens": [22],
        "nics": [{"name": "nic", "subnet": "vnet/web", "ip": "10.0.0.4", "nsg": "nsg-web", "publicIP": "20.50.0.4"}],
    }],
    "settings": {"operationTime": "50ms", "retryAfter": "0s"},
}
CLOUD = """
apiVersion: portcullis.dev/v1alpha1
kind: CloudAccount
metadata: {name: prod}
spec:
  provider: Azure
  azure:
    subscriptionID: 11111111-1111-4111-8111-111111111111
    tenantID: 22222222-2222-4222-8222-222222222222
    credential: WorkloadIdentity
  access: [{namespaces: [team-a], resourceGroups: [web]}]
  networkResourceGroups: [net]
---
apiVersion: portcullis.dev/v1alpha1
kind: JitPolicy
metadata: {name: ssh, namespace: team-a}
spec:
  accountRef: {name: prod}
  targets: [{virtualMachine: {resourceGroup: web, name: web-1}}]
  ports: [{port: 22, protocol: TCP, maxDuration: 1h, allowedSources: [203.0.113.0/24]}]
  enforcement: Enforce
  approval: {required: 0}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: requesters, namespace: team-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: portcullis-requester}
subjects: [{kind: User, name: alice, apiGroup: rbac.authorization.k8s.io}]
"""
needs_root = pytest.mark.skipif(not can_contain(), reason="needs root: the container gets a file system of its own")


@pytest.fixture(scope="module")
def empty() -> Iterator[AuditedControlPlane]:
    with AuditedControlPlane(controller_manager=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def applied(empty: AuditedControlPlane) -> subprocess.CompletedProcess[str]:
    """What one apply of everything said."""
    return empty.kubectl("admin", "apply", "-k", DEFAULT)


@pytest.fixture(scope="module")
def cluster(empty: AuditedControlPlane, applied: object) -> AuditedControlPlane:
    empty.wait_for_crds()
    return empty


@pytest.fixture(scope="module")
def template(cluster: AuditedControlPlane) -> dict[str, Any]:
    """The pod template, as the API server understood it."""
    found = cluster.kubectl("admin", "get", "deployment", "portcullis", "-n", NAMESPACE, "-o", "json").stdout
    return json.loads(found)["spec"]["template"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(SEED) as lab:
        yield lab


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_root(tmp_path_factory.mktemp("image") / "root")


@pytest.fixture(scope="module")
def pod(cluster: AuditedControlPlane, template: dict, lab: Lab, root: Path, tmp_path_factory: Any) -> Iterator[Pod]:
    """It works: the cloud's endpoints and what the webhook of workload identity adds are all that it got besides.

    Once it works its token is renewed, and the first one ends, while the guards come into force.
    """
    pod = Pod(cluster, template, NAMESPACE, "portcullis-1")
    assert pod.create().status == 201
    pod.write_account(pod.new_token())
    federated = tmp_path_factory.mktemp("azure") / "azure-identity-token"
    federated.write_text("what the pod is federated by")
    federated.parent.chmod(0o755)
    env = {
        "PORTCULLIS_AZURE_ARM_ENDPOINT": lab.arm,
        "PORTCULLIS_AZURE_LOGIN_ENDPOINT": lab.login,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/tokens/azure-identity-token",
        # the machine's own network: no port of it may be taken for granted
        "PORTCULLIS_HEALTH_LISTEN": f"127.0.0.1:{pod.ports['health']}",
        "PORTCULLIS_METRICS_LISTEN": f"127.0.0.1:{pod.ports['metrics']}",
    }
    files = {
        "/var/run/secrets/azure/tokens": federated.parent,
        "/etc/ssl/certs/ca-certificates.crt": lab.ca,  # for the authorities of the internet
    }
    pod.start(root, env, files)
    pod.wait_for_message("ready")
    pod.write_account(cluster.kubectl("admin", "create", "token", OPERATOR_ACCOUNT, "-n", NAMESPACE).stdout.strip())
    pod.delete()  # and the token that was bound to it
    cluster.namespace("team-a")
    cluster.user("alice", ["engineers"])
    cluster.apply(CLOUD)
    cluster.kubectl("admin", "wait", "--for=condition=Ready", "jitp/ssh", "-n", "team-a", "--timeout=30s")
    pod.wait_for_message("admission guards hold")
    _wait_until_requests_are_trusted(pod)
    yield pod
    pod.stop()


def test_what_the_probes_ask_for_is_answered(pod: Pod) -> None:
    listens = {entry["name"]: entry.get("value") for entry in pod.container["env"]}
    shipped = {port["name"]: f":{port['containerPort']}" for port in pod.container["ports"]}
    assert (listens["PORTCULLIS_HEALTH_LISTEN"], listens["PORTCULLIS_METRICS_LISTEN"]) == (
        shipped["health"], shipped["metrics"],
    )
    for probe in ("livenessProbe", "readinessProbe"):
        asked = pod.container[probe]["httpGet"]
        with urlopen(f"http://127.0.0.1:{pod.ports[asked['port']]}{asked['path']}", timeout=5) as answer:
            assert answer.status == 200
    with urlopen(f"http://127.0.0.1:{pod.ports['metrics']}/metrics", timeout=5) as answer:
        assert b"portcullis_leader 1" in answer.read()


def _wait_until_requests_are_trusted(pod: Pod) -> None:
    """The first operator refuses what was made while the guards came into force, and says until when."""
    told = [line for line in pod.log() if "before the admission guards are refused" in line["msg"]]
    until = max((datetime.fromisoformat(line["before"]) for line in told), default=None)
    if until is not None:
        wait_for(lambda: datetime.now(until.tzinfo) > until, 30, "requests are trusted", interval=0.1)


def _ask(cluster: AuditedControlPlane, name: str) -> None:
    body = {
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest", "metadata": {"name": name},
        "spec": {
            "policyRef": {"name": "ssh"}, "targets": ["web-1"], "ports": [{"port": 22, "protocol": "TCP"}],
            "sources": ["203.0.113.7/32"], "duration": "10m", "reason": "INC-4711",
        },
    }
    answer = cluster.identity("alice").request("POST", f"{API}/namespaces/team-a/accessrequests", body)
    assert answer.status == 201, answer.message


def _wait(cluster: AuditedControlPlane, name: str, condition: str) -> None:
    cluster.kubectl("alice", "wait", f"--for=condition={condition}", f"areq/{name}", "-n", "team-a", "--timeout=30s")


def _gets_in(lab: Lab) -> bool:
    return lab.connect("203.0.113.7", "web-1", 22)["allowed"]


def _open_and_give_back(cluster: AuditedControlPlane, lab: Lab, name: str) -> None:
    assert not _gets_in(lab)
    _ask(cluster, name)
    _wait(cluster, name, "Ready")
    assert _gets_in(lab)
    cluster.kubectl("alice", "patch", "areq", name, "-n", "team-a", "--type=merge", '-p={"spec":{"revoke":true}}')
    _wait(cluster, name, "Complete")
    assert not _gets_in(lab)


# --- in the order of a cluster's life -------------------------------------------------------------------------


def test_one_apply_on_an_empty_cluster_makes_everything(applied):
    said = applied.stdout.splitlines()
    assert len(said) == len(kustomize(DEFAULT))
    assert [line for line in said if not line.endswith(" created")] == []
    # No warning either, such as that of a Deployment whose pods would be refused; kubectl always names an order itself.
    assert [line for line in applied.stderr.splitlines() if "Sorting order is set both" not in line] == []


def test_the_operators_namespace_admits_pods_of_the_deployment_and_no_looser_ones(cluster, template):
    pod = Pod(cluster, template, NAMESPACE, "tried")
    answer = pod.create("?dryRun=All&fieldValidation=Strict")
    assert answer.status == 201, answer.message
    assert "Warning" not in answer.headers
    for part in ("runAsNonRoot", "seccompProfile"):
        loose = copy.deepcopy(template)
        del loose["spec"]["securityContext"][part]
        refused = Pod(cluster, loose, NAMESPACE, "loose").create("?dryRun=All")
        assert refused.status == 403 and 'violates PodSecurity "restricted' in refused.message, part
    for part in ("allowPrivilegeEscalation", "capabilities"):
        loose = copy.deepcopy(template)
        del loose["spec"]["containers"][0]["securityContext"][part]
        assert Pod(cluster, loose, NAMESPACE, "loose").create("?dryRun=All").status == 403, part


@needs_root
def test_a_pod_of_the_deployment_opens_and_closes(cluster, lab, pod):
    _open_and_give_back(cluster, lab, "first")
    assert cluster.kubectl("admin", "get", "lease", "portcullis", "-n", NAMESPACE, "-o",
                           "jsonpath={.spec.holderIdentity}").stdout == pod.name


@needs_root
def test_it_goes_on_with_the_renewed_token_when_the_first_one_ends(cluster, lab, pod):
    wait_for(lambda: not _is_good(cluster, pod.tokens[0]), 30, "the first token refused", interval=0.3)
    assert _is_good(cluster, pod.tokens[1])
    _open_and_give_back(cluster, lab, "second")
    wait_for(lambda: len(_credentials(cluster)) == 2, 10, "both tokens are on record")


def test_another_apply_changes_nothing(cluster):
    keys = kustomize(DEFAULT).keys()
    before = cluster.versions(keys)
    assert before.keys() == keys
    cluster.kubectl("admin", "apply", "-k", DEFAULT)
    assert cluster.versions(keys) == before


@needs_root
def test_nothing_that_it_asked_was_forbidden_by_its_roles(cluster, pod):
    asked = cluster.asked()
    # A dry run that proves the guards is refused by them on purpose; RBAC let it pass.
    forbidden = [
        (each["verb"], each["requestURI"])
        for each in asked
        if each["annotations"].get("authorization.k8s.io/decision") != "allow"
        or (each["responseStatus"]["code"] == 403 and "dryRun=All" not in each["requestURI"])
    ]
    refused_credential = [each for each in asked if each["responseStatus"]["code"] == 401]
    assert forbidden == [] and len(refused_credential) <= 2
    seen = {(each["verb"], each["objectRef"]["resource"]) for each in asked if "objectRef" in each}
    assert seen >= {
        ("watch", "accessrequests"), ("create", "accessverdicts"), ("patch", "accessrequests"),
        ("create", "subjectaccessreviews"), ("create", "events"), ("create", "leases"), ("get", "namespaces"),
    }
    levels = {"warning", "error", "warn", "critical"}
    assert [line for line in pod.log() if line["level"] in levels and re.search("forbidden|403", str(line))] == []


@needs_root
def test_the_documented_way_out_leaves_nothing(cluster, lab, pod):
    _ask(cluster, "still-open")
    _wait(cluster, "still-open", "Ready")
    (way_out,) = re.findall(
        r"## Removing it.*?```sh\n(.*?)```", (REPOSITORY / "docs/install.md").read_text(), re.DOTALL
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", way_out], cwd=REPOSITORY, env=cluster.kubectl_env(cluster.admin),
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(lab.rules("net", "nsg-web")) == ["ssh"]
    assert cluster.versions(kustomize(DEFAULT)) == {}


def test_the_documented_kustomization_names_image_and_identity(tmp_path):
    (text,) = re.findall(r"```yaml\n(# kustomization.yaml\n.*?)```", (REPOSITORY / "docs/install.md").read_text(), re.DOTALL)
    (tmp_path / "portcullis").symlink_to(REPOSITORY)
    (tmp_path / "kustomization.yaml").write_text(text)
    theirs, ours = kustomize(tmp_path), kustomize(DEFAULT)
    assert list(theirs) == list(ours)
    changed = {key[0]: document for key, document in theirs.items() if document != ours[key]}
    assert changed.keys() == {"Deployment", "ServiceAccount"}
    (patch,) = yaml.safe_load(text)["patches"]
    assert changed["ServiceAccount"]["metadata"]["annotations"] == yaml.safe_load(patch["patch"])["metadata"]["annotations"]
    (container,) = changed["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/portcullis:0.1.0"


def _credentials(cluster: AuditedControlPlane) -> set[str]:
    """Which tokens were shown so far."""
    shown = [each["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id", []) for each in cluster.asked()]
    return {name for names in shown for name in names}


def _is_good(cluster: AuditedControlPlane, token: str) -> bool:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    answer = cluster.identity("admin").request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    return answer.body["status"].get("authenticated", False)
