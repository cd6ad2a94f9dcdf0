"""What README.md tells people to apply is accepted by a real API server."""

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_readme_shows_account_policy_and_request():
    assert [re.search(r"^kind: (\w+)", block, re.MULTILINE)[1] for block in BLOCKS] == [
        "CloudAccount", "JitPolicy", "AccessRequest",
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=["account", "policy", "request"])
def test_a_manifest_of_the_readme_is_accepted(cluster, block):
    cluster.namespace("team-a")
    said = cluster.kubectl("admin", "apply", "--dry-run=server", "-f", "-", input=block).stdout
    assert "(server dry run)" in said
