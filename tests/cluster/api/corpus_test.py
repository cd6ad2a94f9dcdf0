"""Bad input that the API server alone must answer: each case of tests/corpus that names one of its layers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from corpus import table

CASES = table.load(*table.SERVER_LAYERS)


@pytest.fixture(scope="module")
def sentences(crds) -> table.Sentences:
    return table.Sentences(crds)


@pytest.fixture(scope="module")
def send(cluster, team_of) -> Iterator[Callable[[table.Case], Any]]:
    """Sends a case's object, as a dry run, over one connection for each user."""
    namespace = team_of(cluster.namespace("corpus"))
    connections: dict[str, Any] = {}

    def create(case: table.Case) -> Any:
        if case.user not in connections:
            connections[case.user] = cluster.identity(case.user).connect()
        path = table.collection_path(case.kind, namespace) + "?fieldValidation=Strict&dryRun=All"
        body = table.body_of(case, table.good_spec(case))
        return connections[case.user].request("POST", path, body.encode())

    yield create
    for connection in connections.values():
        connection.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_right_layer_gives_the_right_answer(case: table.Case, send: Callable, sentences: table.Sentences) -> None:
    table.judge(case, send(case), sentences)


@pytest.mark.parametrize("path", table.table_files(), ids=lambda path: path.stem)
def test_a_table_holds_what_it_promises(path: Any) -> None:
    cases = list(table.read_table(path))
    least = table.least_of(path)
    assert len(cases) >= least
    asked = [repr((case.kind, case.spec, case.value, case.user, case.get("under"), case.get("policy"))) for case in cases]
    assert [one for one in asked if asked.count(one) > 1] == []
    known = table.SERVER_LAYERS + table.OPERATOR_LAYERS
    assert {case.layer for case in cases} <= set(known)


@pytest.mark.parametrize("kind", table.GIVEN["bases"])
def test_what_the_cases_change_is_good_before(kind: str, send: Callable) -> None:
    user = {"AccessRequest": "alice", "AccessDecision": "bob"}.get(kind, "admin")
    good = table.Case("", kind, kind, "accepted", {}, None, {"as": user})
    answer = send(good)
    assert answer.status == 201, answer.message
