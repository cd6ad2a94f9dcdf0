"""The whole world for all tests of this folder: a real control plane, the lab, the operator; a team per test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from world.controlplane import ControlPlane
from world.lab import Lab
from world.names import fresh_namespace_name
from world.world import World

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for what the tests share; pytest's importlib mode does not do that

from team import Team  # noqa: E402

SEED = HERE / "seed.yaml"
_LOG_START = pytest.StashKey[tuple[World, int]]()


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """With real connections where this machine lets us, else with the judge's word.

    The operator has a fixed identity, so that one who was killed takes the lease again at once. The whole run writes
    more in five minutes than Azure takes of one subscription.
    """
    flags = ("--identity=e2e", "--inventory-period=3s", "--azure-budget=1000")
    with World(SEED, controller_manager=True, operator_flags=flags) as world:
        world.cluster.apply(HERE / "account.yaml")
        yield world


@pytest.fixture(autouse=True)
def operator_log_from_here(world: World, request: pytest.FixtureRequest) -> None:
    request.node.stash[_LOG_START] = (world, len(world.operator.log()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """What the operator logged during a test belongs to the report of its failure."""
    report = yield
    if report.failed and _LOG_START in item.stash:
        world, start = item.stash[_LOG_START]
        report.sections.append(("operator log", world.operator.log()[start:]))
    return report


@pytest.fixture
def cluster(world: World) -> ControlPlane:
    return world.cluster


@pytest.fixture
def lab(world: World) -> Lab:
    """The lab, with an empty request log."""
    world.lab.forget_requests()
    return world.lab


@pytest.fixture
def namespace(world: World, request: pytest.FixtureRequest) -> str:
    """A fresh namespace, named after the test."""
    return world.cluster.namespace(fresh_namespace_name(request.node.name))


@pytest.fixture
def team(world: World, lab: Lab, namespace: str) -> Iterator[Team]:
    """People, machines and policies of one test; afterwards the cloud must be as if it had not been."""
    team = Team(world, namespace)
    yield team
    lab.faults([])
    if not world.operator.process.running:
        world.operator.start()
    team.leave()
    strange = [entry["path"] for entry in lab.writes() if "/securityrules/portcullis-" not in entry["path"].lower()]
    assert not strange, f"writes of whole NSGs, or of rules that are not ours: {strange}"
