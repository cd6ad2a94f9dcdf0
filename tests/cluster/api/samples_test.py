"""The samples that people copy are good, and can be applied again and again."""

import pytest
import yaml
from world.assets import REPOSITORY
from world.process import wait_for

SAMPLES = sorted((REPOSITORY / "manifests/samples").glob("*.yaml"))


@pytest.fixture(scope="module")
def engineer(cluster, allowed) -> str:
    """sam, of the groups that the samples name, in the samples' own namespace."""
    cluster.namespace("team-a")
    cluster.user("sam", ["sre"])
    cluster.user("lea", ["sre-leads"])
    cluster.apply(REPOSITORY / "manifests/samples/30-access-to-one-policy.yaml")
    for group, verb in (("sre", "request"), ("sre-leads", "approve")):
        wait_for(
            lambda asked=verb, who=group: allowed("", asked, "jitpolicies", "team-a", "prod-ssh", groups=[who]),
            10,
            f"{group} may {verb}",
            interval=0.02,
        )
    return "sam"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_taken_as_it_is(path, cluster, engineer):
    user = {"40": "sam", "41": "lea"}.get(path.name[:2], "admin")
    if "generateName" in path.read_text():
        cluster.kubectl(user, "create", "--validate=strict", "-f", path)
        return
    for _ in range(2):
        done = cluster.kubectl(user, "apply", "--validate=strict", "-f", path).stdout
    assert {line.split()[-1] for line in done.splitlines()} == {"unchanged"}, done


def test_samples_explain_themselves():
    for path in SAMPLES:
        assert path.read_text().startswith("# "), path.name
        assert all(document["kind"] for document in yaml.safe_load_all(path.read_text()))


def test_a_manifest_with_every_field_is_taken(cluster, engineer):
    """Null in place of an absent field, and a requester of the writer's making, as a careful author leaves them."""
    cluster.kubectl(engineer, "apply", "-n", "team-a", "--validate=strict", "-f", "-", input=_EVERYTHING)
    stored = yaml.safe_load(cluster.kubectl(engineer, "get", "areq/everything", "-n", "team-a", "-o", "yaml").stdout)
    assert stored["spec"]["requester"]["username"] == "sam"
    assert not {"startAt", "extends"} & set(stored["spec"])


_EVERYTHING = """
apiVersion: portcullis.dev/v1alpha1
kind: AccessRequest
metadata: {name: everything}
spec:
  policyRef: {name: prod-ssh}
  targets: [web-1]
  ports: [{port: 22, protocol: TCP}]
  sources: [203.0.113.7/32, "2001:db8::7/128"]
  duration: 45m
  reason: "INC-4711 disk full on web-1"
  startAt: null
  extends: null
  breakGlass: false
  planOnly: false
  revoke: false
  requester: {username: somebody, uid: "", groups: [others], extra: {}}
"""


def test_the_operator_can_run_under_another_name(cluster, tmp_path):
    """The patch that the kustomization of the guards shows reaches every policy that knows the operator."""
    folder = REPOSITORY / "manifests/admission"
    shown = (folder / "kustomization.yaml").read_text().split("patches:")[1].split("apiVersion:")[0]
    patches = "patches:\n" + "\n".join(line.removeprefix("#").removeprefix("   ") for line in shown.splitlines()[1:])
    for path in folder.glob("[0-9]*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    resources = "".join(f"- {path.name}\n" for path in sorted(folder.glob("[0-9]*.yaml")))
    (tmp_path / "kustomization.yaml").write_text(f"resources:\n{resources}{patches}")
    built = cluster.kubectl("admin", "kustomize", tmp_path).stdout
    assert "portcullis-system" not in built
    assert built.count("'system:serviceaccount:jit:portcullis'") == sum(
        path.read_text().count("- name: operator\n") for path in folder.glob("[0-9]*.yaml")
    )
    cluster.kubectl("admin", "apply", "--dry-run=server", "-f", "-", input=built)
