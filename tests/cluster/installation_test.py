"""What an admin installs is in force on a real API server: the ground for every other test here."""

import pytest
import yaml
from world.assets import REPOSITORY
from world.controlplane import ControlPlane

def test_every_kind_is_served(cluster: ControlPlane):
    crds = [yaml.safe_load(file.read_text()) for file in (REPOSITORY / "crds").glob("portcullis.dev_*.yaml")]
    assert len(crds) >= 5
    answer = cluster.identity("admin").request("GET", "/apis/portcullis.dev/v1alpha1")
    served = {resource["name"] for resource in answer.body["resources"]}
    assert {crd["spec"]["names"]["plural"] for crd in crds} <= served


def test_the_guards_come_back_with_the_api_server(cluster: ControlPlane):
    cluster.restart_api_server()
    cluster.wait_for_guards()


def test_guards_that_are_not_there_are_missed():
    with ControlPlane() as unguarded:
        unguarded.apply(REPOSITORY / "crds")
        unguarded.wait_for_crds()
        with pytest.raises(TimeoutError, match="is not stamped"):
            unguarded.wait_for_guards(timeout=1)
