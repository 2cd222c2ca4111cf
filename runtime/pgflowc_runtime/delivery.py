"""What a worker hands to the database and gets back: outcomes of tasks, the verdicts on them, new tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pgflowc_runtime.outcome import Outcome
from pgflowc_runtime.rows import ClaimedTask

Verdict = Literal["completed", "retried", "failed", "parked", "released", "lost"]
"""What the database made of an outcome: recorded; recorded, and the task queued again; recorded, and that was
the last attempt; it waits for its signal, or is queued again since that has come; not
recorded, since the task was not ours any more.
"""


@dataclass(slots=True)
class Report:
    """The outcome of a claimed task, on its way to the database. Its handler ran for so many seconds.

    `uncertain`: it was sent before and the answer got lost, so it may be recorded already.
    `refused`: PostgreSQL did not take the handler's output, and `outcome` says so instead.
    `apart`: it was sent with others, and what one of them waited for held up all: it goes alone now.
    """

    task: ClaimedTask
    outcome: Outcome
    seconds: float = 0.0
    uncertain: bool = False
    refused: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Flushed:
    """The answer to a batch of reports: verdicts by index in the batch, where they are not `completed`, and
    the tasks claimed in the same trip.
    """

    verdicts: Mapping[int, Verdict]
    tasks: Sequence[ClaimedTask]


Held = tuple[UUID, str, int, int]
"""What tells one attempt at a task from all others."""


def identity(task: ClaimedTask) -> Held:
    """That of this one."""
    return (task.run_id, task.step_slug, task.task_index, task.attempt)
