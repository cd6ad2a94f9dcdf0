"""One real control plane for all tests of this folder, with our CRDs, policies and roles; a namespace per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from world.controlplane import ControlPlane
from world.names import fresh_namespace_name
from world.world import install


@pytest.fixture(scope="session")
def bare_cluster() -> Iterator[ControlPlane]:
    """A control plane with nothing of ours on it."""
    with ControlPlane() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """A control plane with everything of ours on it but the operator."""
    with ControlPlane() as cluster:
        install(cluster)
        yield cluster


@pytest.fixture
def namespace(cluster: ControlPlane, request: pytest.FixtureRequest) -> str:
    """A fresh namespace, named after the test."""
    return cluster.namespace(fresh_namespace_name(request.node.name))


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
