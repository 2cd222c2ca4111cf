"""start_flow_batch: many runs at once, with all that start_flow does."""

from __future__ import annotations

import random
import string
from uuid import uuid4

import psycopg
import pytest


def test_runs_start_in_the_order_of_their_inputs(fast) -> None:
    fast.flow("f", "a", "b < a")
    runs = fast.start("f", *range(20))
    assert [fast.run(run)["input"] for run in runs] == list(range(20))
    assert {run["status"] for run in map(fast.run, runs)} == {"started"}
    tasks = fast.claim("f", 100)
    assert [(task["run_id"], task["step_slug"], task["flow_input"]) for task in tasks] == [
        (run, "a", n) for n, run in enumerate(runs)
    ]


def test_ids_are_taken_or_made(fast) -> None:
    fast.flow("f", "a")
    mine = uuid4()
    first, second = fast.start("f", 1, 2, run_ids=[None, mine])
    assert second == mine != first
    assert fast.run(first)["input"] == 1


def test_scalars_survive(fast) -> None:
    fast.flow("f", "a")
    values = [False, 0, "", None, [], {}]
    runs = fast.start("f", *values)
    assert [fast.run(run)["input"] for run in runs] == values


def test_no_inputs_start_nothing(fast) -> None:
    fast.flow("f", "a")
    assert fast.start("f") == []
    assert fast.rows("select * from pgflowc.start_flow_batch('f', null)") == []


def test_a_flow_without_steps_completes_at_once(fast) -> None:
    fast.flow("f")
    runs = fast.start("f", 1, 2)
    for run in map(fast.run, runs):
        assert (run["status"], run["output"], run["completed_at"]) == ("completed", None, run["started_at"])


def test_root_maps_take_arrays(fast) -> None:
    fast.flow("f", "m[]", "z < m")
    three, none = fast.start("f", [1, 2, 3], [])
    assert fast.state(three, "m")["remaining_tasks"] == 3
    assert fast.statuses(none) == {"m": "completed", "z": "started"}
    assert [(task["step_slug"], task["input"]) for task in fast.claim("f")] == [
        ("m", 1),
        ("m", 2),
        ("m", 3),
        ("z", {"m": []}),
    ]


def test_a_run_of_empty_maps_completes_at_once(fast) -> None:
    fast.flow("f", "m[]", "n[] < m")
    (run,) = fast.start("f", [])
    assert (fast.run(run)["status"], fast.run(run)["output"]) == ("completed", {"n": []})


def test_a_long_chain_of_empty_maps_is_no_runaway(fast) -> None:
    fast.flow("f", "m0[]", *(f"m{n}[] < m{n - 1}" for n in range(1, 80)))
    (run,) = fast.start("f", [])
    assert fast.run(run)["status"] == "completed"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("null", "Flow f has root map steps but input is not an array (got null)"),
        ("{}", "Flow f has root map steps but input is not an array (got object)"),
        (None, "Flow f has root map steps but input is NULL"),
    ],
)
def test_another_input_starts_no_run_at_all(fast, value, message) -> None:
    fast.flow("f", "m[]")
    with pytest.raises(psycopg.errors.RaiseException) as caught:
        fast.rows("select pgflowc.start_flow_batch('f', array['[1]', %s]::jsonb[])", value)
    assert caught.value.diag.message_primary == message
    assert fast.rows("select from pgflow.runs") == []


def test_faults_start_no_run_at_all(fast) -> None:
    fast.flow("f", "a")
    (used,) = fast.start("f", 0)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="runs_flow_slug_fkey"):
        fast.start("unknown", 1)
    with pytest.raises(psycopg.errors.UniqueViolation):
        fast.start("f", 1, 2, run_ids=[None, used])
    with pytest.raises(psycopg.errors.NotNullViolation):
        fast.start("f", 1, fast.NULL)
    with pytest.raises(psycopg.errors.RaiseException, match="length"):
        fast.start("f", 1, 2, run_ids=[uuid4()])
    assert len(fast.rows("select from pgflow.runs")) == 1


def test_conditions_of_root_steps(fast) -> None:
    fast.flow("f")
    fast.step("f", "a", required_input_pattern={"go": True}, when_unmet="skip")
    fast.step("f", "b", ["a"])
    fast.step("f", "c", forbidden_input_pattern={"stop": True}, when_unmet="fail")
    go, no, stop = fast.start("f", {"go": True}, {}, {"stop": True})
    assert fast.statuses(go) == {"a": "started", "b": "created", "c": "started"}
    assert fast.statuses(no) == {"a": "skipped", "b": "started", "c": "started"}
    assert fast.statuses(stop) == {"a": "created", "b": "created", "c": "failed"}
    assert fast.run(stop)["status"] == "failed"
    assert fast.run(no)["remaining_steps"] == 2
    assert {message["message"]["run_id"] for message in fast.messages("f")} == {str(go), str(no)}


def test_a_start_delay_keeps_messages_invisible(fast) -> None:
    fast.flow("f")
    fast.step("f", "a", start_delay=100)
    fast.start("f", 1)
    assert fast.claim("f") == []
    assert 98 < fast.messages("f")[0]["due"] <= 100


@pytest.mark.parametrize(("length", "padding"), [(1000, 1), (101, 1), (3, 40_000), (30, 1)])
def test_large_arrays_are_cut_as_the_core_cuts_them(fast, length, padding) -> None:
    fast.flow("f", "m[]")
    letters = random.Random(1)  # noise, which does not compress
    values = ["".join(letters.choices(string.ascii_letters, k=padding)) for _ in range(length)]
    (batch,) = fast.start("f", values)
    single = fast.value("select run_id from pgflow.start_flow('f', (select input from pgflow.runs))")
    chunks = "select first_index, elements from pgflow.map_chunks where run_id = %s order by 1"
    assert fast.rows(chunks, batch) == fast.rows(chunks, single)
    assert bool(fast.rows(chunks, batch)) == (length > 100 or padding > 1)
    assert [task["input"] for task in fast.claim("f", length)] == values
