"""`helm install` on an empty cluster: accepted, an upgrade to the same changes nothing, and what stays when it goes."""

from collections.abc import Iterator

import pytest
from world.audit import AuditedControlPlane
from world.shipped import CHART, NAMESPACE, Objects, helm, render

RELEASE = ("portcullis", CHART, f"--namespace={NAMESPACE}")


@pytest.fixture(scope="module")
def shipped() -> Objects:
    return render()


@pytest.fixture(scope="module")
def cluster() -> Iterator[AuditedControlPlane]:
    with AuditedControlPlane() as cluster:
        helm("install", *RELEASE, "--create-namespace", kubeconfig=cluster.admin)
        yield cluster


def test_everything_is_there_and_the_namespace_is_closed_to_looser_pods(cluster, shipped):
    assert cluster.versions(shipped).keys() == shipped.keys()
    labels = cluster.kubectl("admin", "get", "namespace", NAMESPACE, "-o", "jsonpath={.metadata.labels}").stdout
    assert '"pod-security.kubernetes.io/enforce":"restricted"' in labels


def test_an_upgrade_to_the_same_changes_nothing(cluster, shipped):
    before = cluster.versions(shipped)
    helm("upgrade", *RELEASE, kubeconfig=cluster.admin)
    assert cluster.versions(shipped) == before


def test_uninstalling_leaves_the_kinds_their_guards_and_the_namespace_and_they_are_taken_up_again(cluster, shipped):
    helm("uninstall", "portcullis", f"--namespace={NAMESPACE}", kubeconfig=cluster.admin)
    left = cluster.versions(shipped)
    assert left.keys() == {key for key in shipped if key[0] in ("CustomResourceDefinition", "Namespace") or "Admission" in key[0]}
    helm("install", *RELEASE, kubeconfig=cluster.admin)
    after = cluster.versions(shipped)
    assert after.keys() == shipped.keys()
    assert {key: after[key] for key in left} == left
