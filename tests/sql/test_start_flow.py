"""pgflow.start_flow: a run and its first steps (contract, section 7)."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb


def test_a_run_and_its_step_states(core) -> None:
    core.flow("f", "a", "b", "m[] < a", "c < a b m")
    run_id = core.start("f", {"x": 1})
    run = core.run(run_id)
    assert (run["status"], run["remaining_steps"], run["input"], run["output"]) == (
        "started",
        4,
        {"x": 1},
        None,
    )
    assert core.statuses(run_id) == {"a": "started", "b": "started", "m": "created", "c": "created"}
    found = {slug: core.step(run_id, slug) for slug in "abmc"}
    assert [found[s]["remaining_deps"] for s in "abmc"] == [0, 0, 1, 3]
    assert [found[s]["initial_tasks"] for s in "abmc"] == [1, 1, None, 1]
    assert [found[s]["remaining_tasks"] for s in "abmc"] == [1, 1, None, None]
    assert found["a"]["started_at"] is not None


def test_the_run_id_may_be_given(core, raises) -> None:
    core.flow("f", "a")
    given = uuid4()
    assert core.start("f", run_id=given) == given
    with raises('duplicate key value violates unique constraint "runs_pkey"'):
        core.start("f", run_id=given)


def test_an_unknown_flow_is_refused(core) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        core.start("nope")


def test_sql_null_input_is_refused(core) -> None:
    core.flow("f", "a")
    with pytest.raises(psycopg.errors.NotNullViolation):
        core.do("select pgflow.start_flow('f', null)")


def test_any_json_is_an_input(core) -> None:
    core.flow("f", "a")
    for value in (False, 0, "", None, [], {}, "text", 1.5):
        run_id = core.row("select * from pgflow.start_flow('f', %s)", Jsonb(value))["run_id"]
        stored = core.value("select pgflow.get_flow_input(%s)", run_id)
        claimed = core.claim("f")[0]["flow_input"]
        assert [repr(found) for found in (core.run(run_id)["input"], stored, claimed)] == [repr(value)] * 3


def test_root_maps_want_an_array(core, raises) -> None:
    core.flow("f", "m[]")
    for value, name in (({}, "object"), ("x", "string"), (1, "number"), (True, "boolean"), (None, "null")):
        with raises(f"Flow f has root map steps but input is not an array (got {name})") as error:
            core.do("select pgflow.start_flow('f', %s)", Jsonb(value))
        assert error["sqlstate"] == "P0001"


def test_root_maps_refuse_sql_null(core, raises) -> None:
    core.flow("f", "m[]")
    with raises("Flow f has root map steps but input is NULL") as error:
        core.do("select pgflow.start_flow('f', null)")
    assert error["sqlstate"] == "P0001"


def test_a_flow_without_steps_completes_at_once(core) -> None:
    core.create_flow("f")
    run = core.run(core.start("f"))
    assert (run["status"], run["remaining_steps"], run["output"]) == ("completed", 0, None)
    assert run["completed_at"] is not None


def test_an_empty_array_completes_maps_at_once(core) -> None:
    core.flow("f", "m[]", "n[] < m")
    run = core.row("select * from pgflow.start_flow('f', '[]')")
    assert (run["status"], run["output"]) == ("completed", {"n": []})
    assert core.step(run["run_id"], "m")["output"] == []
    assert core.queued_messages("f") == []


def test_ids_made_later_sort_later(core) -> None:
    """To the millisecond, so that new runs lie together in the indexes; and no two are the same."""
    core.flow("f", "a")
    ids = []
    for _ in range(5):
        before = core.value("select clock_timestamp()")
        ids += [core.start("f"), *core.column("select pgflowc.start_flow_batch('f', '{1,2}'::jsonb[])")]
        while core.value("select clock_timestamp() - %s < interval '2 ms'", before):
            pass
    assert [run_id.version for run_id in ids] == [7] * 15
    assert len(set(ids)) == 15
    times = [run_id.int >> 80 for run_id in ids]
    assert times == sorted(times)
    assert times[0] < times[-1]
