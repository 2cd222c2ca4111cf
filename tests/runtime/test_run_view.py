"""What a run looks like to a person."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from pgflowc.cli import run_view
from pgflowc_runtime import Run, RunWithStates, StepState
from pgflowc_runtime.rows import StepWait
from pgflowc_runtime.run_changes import changes

BEGAN = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
RUN_ID = UUID(int=7)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def state(slug: str, *depends_on: str, status: Any = "completed", **more: Any) -> StepState:
    ended: dict[str, Any] = {"completed": {"completed_at": after(1)}, "failed": {"failed_at": after(1)}}.get(
        status, {}
    )
    started = None if status in ("created", "skipped") else BEGAN
    base = StepState(
        run_id=RUN_ID, step_slug=slug, kind="single", depends_on=depends_on, status=status, initial_tasks=1,
        remaining_tasks=0, remaining_deps=0, tasks_completed=1, tasks_failed=0, attempts=1, max_attempts=3,
        output=None, error=None, skip_reason=None, created_at=BEGAN, started_at=started, completed_at=None,
        failed_at=None, skipped_at=None,
    )  # fmt: skip
    return dataclasses.replace(base, **{**ended, **more})


def drawn(*steps: StepState, ascii_only: bool = False, **run: Any) -> list[str]:
    base = Run(
        run_id=RUN_ID, flow_slug="orders", status="started", input={}, output=None, remaining_steps=1,
        started_at=BEGAN, completed_at=None, failed_at=None, error=None,
    )  # fmt: skip
    shown = RunWithStates(run=dataclasses.replace(base, **run), steps=steps)
    return [line.plain for line in run_view.lines(shown, now=after(75), ascii_only=ascii_only)]


def test_steps_hang_below_their_last_dependency_and_name_the_others() -> None:
    assert drawn(
        state("validate"),
        state("items", "validate"),
        state(
            "reserve",
            "items",
            kind="map",
            initial_tasks=12,
            tasks_completed=7,
            tasks_failed=1,
            status="started",
        ),
        state("charge", "validate", attempts=3),
        state("confirm", "charge", "reserve", status="created"),
        state("audit", status="skipped", skip_reason="condition_unmet"),
    ) == [
        "orders started  1 m 15 s so far  run 00000000-0000-0000-0000-000000000007",
        "├─ validate       completed  1.00 s",
        "│  ├─ items       completed  1.00 s",
        "│  │  └─ reserve  started    1 m 15 s so far  7 of 12 tasks, 1 failed",
        "│  └─ charge      completed  1.00 s  attempt 3 of 3",
        "│     └─ confirm  waiting    also after reserve",
        "└─ audit          skipped    condition unmet",
    ]


def test_what_waits_says_for_what_and_begins_to_once() -> None:
    wait = StepWait(kind="signal", since=after(5), until=None)
    running = state("ask", status="started")
    parked = dataclasses.replace(running, tasks_waiting=1, wait=wait)
    assert drawn(parked)[1] == "└─ ask  started    1 m 15 s so far  waits for a signal"
    base = Run(
        run_id=RUN_ID, flow_slug="o", status="started", input=1, output=None, remaining_steps=1,
        started_at=BEGAN, completed_at=None, failed_at=None, error=None,
    )  # fmt: skip
    created, began, waits, more = (
        RunWithStates(run=base, steps=(step,))
        for step in (
            state("ask", status="created"),
            running,
            parked,
            dataclasses.replace(parked, tasks_completed=2),
        )
    )
    assert [event.name for event in changes(created, waits)] == ["step:started", "step:waiting"]
    assert [(event.name, event.at) for event in changes(began, waits)] == [("step:waiting", after(5))]
    assert [event.name for event in changes(waits, more)] == ["step:progress"]


def test_a_failed_run_ends_with_its_whole_error() -> None:
    error = "ValueError: no\n\nTraceback (most recent call last):\n  here"
    assert drawn(
        state("only", status="failed", error=error, attempts=3),
        status="failed", failed_at=after(2), error=error,
    ) == [
        "orders failed  2.00 s  run 00000000-0000-0000-0000-000000000007",
        "└─ only  failed     1.00 s  attempt 3 of 3  ValueError: no",
        f"error  {error}",
    ]  # fmt: skip


def test_a_step_takes_no_longer_than_its_run() -> None:
    assert drawn(state("only", status="started"), status="failed", failed_at=after(2), error="no")[1] == (
        "└─ only  started    2.00 s"
    )


def test_a_completed_run_ends_with_its_output() -> None:
    lines = drawn(
        state("each", kind="map", initial_tasks=1),
        status="completed", completed_at=after(3700), output={"each": ["ü"]},
    )  # fmt: skip
    assert lines == [
        "orders completed  1 h 01 m  run 00000000-0000-0000-0000-000000000007",
        "└─ each  completed  1.00 s  1 task",
        'output {"each": ["ü"]}',
    ]


def test_terminals_that_cannot_draw_get_ascii() -> None:
    lines = drawn(state("a"), state("b", "a"), state("c", "a"), ascii_only=True)
    assert [line.split()[0] for line in lines[1:]] == ["`-", "|-", "`-"]
    assert all(line.isascii() for line in lines)


def test_a_flow_without_steps_and_a_chain_of_a_thousand_are_drawn() -> None:
    assert len(drawn()) == 1
    chain = [state("s0"), *(state(f"s{n}", f"s{n - 1}") for n in range(1, 1000))]
    assert len(drawn(*chain)) == 1001


@pytest.mark.parametrize("field", ["run_id", "started_at"])
def test_json_is_plain(field: str) -> None:
    import json

    base = RunWithStates(
        run=Run(
            run_id=RUN_ID, flow_slug="o", status="completed", input=1, output={"a": 1}, remaining_steps=0,
            started_at=BEGAN, completed_at=after(1), failed_at=None, error=None,
        ),
        steps=(state("a"),),
    )  # fmt: skip
    parsed = json.loads(run_view.as_json(base))
    assert isinstance(parsed[field], str)
    assert parsed["steps"][0]["completed_at"] == "2026-01-31T12:00:01+00:00"


def test_long_chains_and_many_dependencies_stay_readable() -> None:
    chain = [state("s0"), *(state(f"s{n}", f"s{n - 1}") for n in range(1, 500))]
    assert max(map(len, drawn(*chain))) < 100
    wide = [state(f"w{n}") for n in range(9)]
    last = drawn(*wide, state("last", *(step.step_slug for step in wide)))[-1]
    assert last.endswith("also after w0, w1, w2, w3, w4, w5, 2 more")


def test_errors_cannot_steer_the_terminal() -> None:
    error = "ValueError: \x1b]0;title\x07 \x9b2J\r5 €"
    lines = drawn(state("only", status="failed", error=error), status="failed", error=f"{error}\n\tmore")
    assert lines[1].endswith(r"ValueError: \x1b]0;title\x07 \x9b2J\r5 €")
    assert lines[2] == r"error  ValueError: \x1b]0;title\x07 \x9b2J\r5 €" + "\n\tmore"
