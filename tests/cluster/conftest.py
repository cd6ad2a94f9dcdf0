"""One real control plane for all tests of this folder, with our CRDs, admission policies and roles; a namespace per test."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from world.assets import REPOSITORY
from world.controlplane import ControlPlane


def install(cluster: ControlPlane) -> None:
    """What an admin applies before the operator runs. Guards go first, so that no object is ever unguarded."""
    cluster.namespace("portcullis-system")
    cluster.apply(REPOSITORY / "manifests/admission")
    cluster.apply(REPOSITORY / "crds")
    cluster.apply(REPOSITORY / "manifests/rbac")
    cluster.wait_for_crds()
    cluster.wait_for_guards()


@pytest.fixture(scope="session")
def bare_cluster() -> Iterator[ControlPlane]:
    """A control plane with nothing of ours on it yet."""
    with ControlPlane() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster(bare_cluster: ControlPlane) -> ControlPlane:
    """A control plane with everything of ours on it but the operator."""
    install(bare_cluster)
    return bare_cluster


@pytest.fixture
def namespace(cluster: ControlPlane, request: pytest.FixtureRequest) -> str:
    """A fresh namespace, named after the test."""
    return cluster.namespace(namespace_name(request.node))


_names: set[str] = set()


def namespace_name(test: pytest.Item) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", test.name.lower()).strip("-")[:50].strip("-")
    name, number = base, 1
    while name in _names:
        number += 1
        name = f"{base}-{number}"
    _names.add(name)
    return name


@pytest.fixture
def alice(cluster: ControlPlane) -> Path:
    """An engineer who asks for access; has no rights until a test gives her some."""
    return cluster.user("alice", ["engineers"])


@pytest.fixture
def bob(cluster: ControlPlane) -> Path:
    """A colleague who approves; has no rights until a test gives him some."""
    return cluster.user("bob", ["engineers", "approvers"])


@pytest.fixture
def mallory(cluster: ControlPlane) -> Path:
    """Somebody who tries what is not allowed."""
    return cluster.user("mallory", ["engineers"])
