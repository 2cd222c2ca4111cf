"""What has happened to a run between two looks at it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pgflowc_runtime.rows import Run, RunWithStates, StepState

EventName = Literal[
    "snapshot",
    "run:completed",
    "run:failed",
    "run:deleted",
    "step:started",
    "step:progress",
    "step:waiting",
    "step:completed",
    "step:failed",
    "step:skipped",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One thing that happened to a run.

    `snapshot` comes first, once for each run, with what had happened before. `step:progress` tells of tasks
    of a started step: done, failed or tried again; `step:waiting` that one has begun to wait for its signal
    without a worker (`StepState.wait`). `state` is the run as it was found afterwards, which may
    be further on than the event; for `run:deleted`, as it was last. `at` is the database's time, None where
    it records none.
    """

    name: EventName
    step_slug: str | None = None
    at: datetime | None = None
    state: RunWithStates

    @property
    def run_id(self) -> UUID:
        """The run's id."""
        return self.state.run.run_id

    @property
    def run(self) -> Run:
        """The run."""
        return self.state.run

    @property
    def step(self) -> StepState | None:
        """The step that the event is about, if it is about one."""
        return None if self.step_slug is None else self.state.step(self.step_slug)


def changes(before: RunWithStates | None, after: RunWithStates | None) -> list[RunEvent]:
    """The events between two looks at the same run, in the order in which they happened.

    `before` is None at the first look, `after` if the run is there no more.
    """
    if after is None:
        return [] if before is None else [RunEvent(name="run:deleted", state=before)]
    if before is None:
        return [RunEvent(name="snapshot", at=after.run.started_at, state=after)]
    if before == after:
        return []
    known = {step.step_slug: step for step in before.steps}
    found = [
        (event, number)
        for number, step in enumerate(after.steps)
        for event in _of_step(known.get(step.step_slug), step, after)
    ]
    # Steps are given in a topological order, which settles what happened in one transaction.
    found.sort(key=lambda pair: (pair[0].at is not None, pair[0].at or after.run.started_at, pair[1]))
    events = [event for event, _ in found]
    if not after.run.finished or before.run.finished:
        return events
    ended = after.run.completed_at or after.run.failed_at
    name: EventName = "run:completed" if after.run.status == "completed" else "run:failed"
    return [*events, RunEvent(name=name, at=ended, state=after)]


def _of_step(before: StepState | None, step: StepState, state: RunWithStates) -> Iterator[RunEvent]:
    slug, was = step.step_slug, "created" if before is None else before.status
    if step.status == was:
        if step.status == "started" and before is not None and _progress(before) != _progress(step):
            yield RunEvent(name="step:progress", step_slug=slug, state=state)
        yield from _of_wait(before, step, state)
        return
    if step.started_at is not None and was != "started":
        yield RunEvent(name="step:started", step_slug=slug, at=step.started_at, state=state)
    yield from _of_wait(before, step, state)
    match step.status:
        case "completed":
            yield RunEvent(name="step:completed", step_slug=slug, at=step.completed_at, state=state)
        case "failed":
            yield RunEvent(name="step:failed", step_slug=slug, at=step.failed_at, state=state)
        case "skipped":
            yield RunEvent(name="step:skipped", step_slug=slug, at=step.skipped_at, state=state)


def _of_wait(before: StepState | None, step: StepState, state: RunWithStates) -> Iterator[RunEvent]:
    known = 0 if before is None else before.tasks_waiting
    if step.tasks_waiting > known:
        at = step.wait.since if step.wait is not None and known == 0 else None
        yield RunEvent(name="step:waiting", step_slug=step.step_slug, at=at, state=state)


def _progress(step: StepState) -> tuple[object, ...]:
    return step.tasks_completed, step.tasks_failed, step.attempts, step.error
