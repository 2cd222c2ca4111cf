"""pgflowc.start_run: a start that may be repeated, and one that lies in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb


def start_run(fast, flow, input, run_id=None, visible_at=None):
    return fast.row("select * from pgflowc.start_run(%s, %s, %s, %s)", flow, Jsonb(input), run_id, visible_at)


def test_without_an_id_each_call_starts_a_run(fast) -> None:
    fast.flow("f", "a")
    runs = [start_run(fast, "f", {"n": 1}) for _ in range(2)]
    assert runs[0]["run_id"] != runs[1]["run_id"]
    assert [run["status"] for run in runs] == ["started"] * 2
    assert len(fast.claim("f")) == 2


def test_the_same_id_flow_and_input_return_the_run_as_it_is(fast) -> None:
    fast.flow("f", "a")
    run_id = uuid4()
    assert start_run(fast, "f", {"n": 1, "m": [None]}, run_id)["status"] == "started"
    fast.work("f", "done")
    again = start_run(fast, "f", {"m": [None], "n": 1.0}, run_id)
    assert again == fast.run(run_id)
    assert again["output"] == {"a": "done"}
    assert fast.messages("f") == []


def test_what_is_to_begin_later_says_when(fast) -> None:
    fast.flow("f", "a")
    fast.step("f", "b", start_delay=60)
    later = datetime.now(UTC) + timedelta(hours=2)
    due = "select step_slug, due_at from pgflowc.due_steps(%s) order by due_at"
    delayed, begun = start_run(fast, "f", {}, visible_at=later)["run_id"], start_run(fast, "f", {})["run_id"]
    assert fast.rows(due, delayed) == [
        {"step_slug": "a", "due_at": later},
        {"step_slug": "b", "due_at": later + timedelta(seconds=60)},
    ]
    assert [row["step_slug"] for row in fast.rows(due, begun)] == ["b"]
    fast.do("select pgflowc.cancel_run(%s)", delayed)
    assert fast.rows(due, delayed) == fast.rows(due, uuid4()) == []


@pytest.mark.parametrize(("flow", "input"), [("g", {"n": 1}), ("f", {"n": 2}), ("f", None)])
def test_the_same_id_with_another_flow_or_input_is_refused(fast, flow, input) -> None:
    fast.flow("f", "a")
    fast.flow("g", "a")
    run_id = uuid4()
    start_run(fast, "f", {"n": 1}, run_id)
    with pytest.raises(psycopg.errors.UniqueViolation, match=f"run {run_id} exists, "):
        start_run(fast, flow, input, run_id)
    assert fast.value("select count(*) from pgflow.runs") == 1


def test_an_input_of_null_is_no_input(fast) -> None:
    fast.flow("f", "a")
    run_id = uuid4()
    start_run(fast, "f", None, run_id)  # JSON null
    with pytest.raises(psycopg.errors.UniqueViolation):
        fast.do("select pgflowc.start_run('f', null, %s)", run_id)
    with pytest.raises(psycopg.errors.NotNullViolation):
        fast.do("select pgflowc.start_run('f', null, %s)", uuid4())


def test_an_unknown_flow_is_an_error(fast) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        start_run(fast, "nowhere", {})


def test_the_first_tasks_wait_until_then(fast) -> None:
    fast.flow("f", "a", "m[]", "z < a m")
    fast.step("f", "late", start_delay=1000)
    start_run(fast, "f", [1, 2], None, datetime.now(UTC) + timedelta(hours=1))
    due = {message["message"]["step_slug"]: message["due"] for message in fast.messages("f")}
    assert {step: 3590 < seconds <= 3600 for step, seconds in due.items()} == {
        "a": True,
        "m": True,
        "late": False,
    }
    assert 4590 < due["late"] <= 4600
    assert fast.claim("f") == []
    fast.make_visible("f")
    assert len(fast.claim("f")) == 4


@pytest.mark.parametrize("when", ["1 second ago", "1970-01-01", "now"])
def test_the_past_means_now(fast, when) -> None:
    fast.flow("f", "a")
    fast.do(
        "select pgflowc.start_run('f', '{}', null, %s::timestamptz)",
        when.replace("1 second ago", "yesterday"),
    )
    assert len(fast.claim("f")) == 1


def test_any_time_zone_and_the_end_of_time(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.start_run('f', '{}', null, '2200-01-01 00:00:00+14')")
    (vt,) = fast.column("select vt from pgmq.q_f")
    assert vt.astimezone(UTC).isoformat() == "2199-12-31T10:00:00+00:00"
    for when in ("infinity", "-infinity"):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"a run cannot start at {when}"):
            fast.do("select pgflowc.start_run('f', '{}', null, %s::timestamptz)", when)


def test_a_run_that_is_over_at_once_has_nothing_to_delay(fast) -> None:
    fast.flow("f", "m[]")
    run = start_run(fast, "f", [], None, datetime.now(UTC) + timedelta(hours=1))
    assert run["status"] == "completed"


def test_a_repeated_start_moves_nothing(fast) -> None:
    fast.flow("f", "a")
    run_id = uuid4()
    start_run(fast, "f", {}, run_id)
    start_run(fast, "f", {}, run_id, datetime.now(UTC) + timedelta(hours=1))
    assert len(fast.claim("f")) == 1


def test_two_at_once_start_one_run(fast, at_once) -> None:
    fast.flow("f", "a")
    run_ids = [uuid4() for _ in range(20)]

    def start_all(driver, _) -> None:
        for run_id in run_ids:
            assert start_run(driver, "f", {"n": 1}, run_id)["run_id"] == run_id

    at_once(4, start_all)
    assert len(fast.claim("f")) == 20
    assert fast.value("select count(*) from pgflow.runs") == 20


def test_it_belongs_to_the_callers_transaction(fast) -> None:
    fast.flow("f", "a")
    run_id = uuid4()
    with fast.connection.transaction(force_rollback=True):
        start_run(fast, "f", {}, run_id)
    assert start_run(fast, "f", {"other": True}, run_id)["input"] == {"other": True}
