"""The people of all tests that have a control plane (`cluster`)."""

import sys
from pathlib import Path

import pytest
from world.controlplane import ControlPlane

sys.path.insert(0, str(Path(__file__).parent))  # for what folders share (corpus); importlib mode does not do that


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
