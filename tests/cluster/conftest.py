"""One real control plane for all tests of this folder, with our CRDs, policies and roles; a namespace per test."""

from collections.abc import Iterator

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
