"""What the managing methods of a client report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pgflowc_runtime.rows import FlowInfo, WorkerInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """What `upsert_flow` did.

    compiled: the flow was new. recompiled: it differed, so it was deleted with all its runs and defined anew.
    updated: only options differed, which are set in place. unchanged: nothing. `differences` says how the
    flow had been different from what was given.
    """

    status: Literal["compiled", "recompiled", "updated", "unchanged"]
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How many rows went."""

    runs: int
    step_states: int
    step_tasks: int
    workers: int

    def __add__(self, other: Pruned) -> Pruned:
        """Both together."""
        return Pruned(
            runs=self.runs + other.runs,
            step_states=self.step_states + other.step_states,
            step_tasks=self.step_tasks + other.step_tasks,
            workers=self.workers + other.workers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """How many runs of a flow, with how many tasks, went since its retention was over."""

    flow_slug: str
    runs: int
    step_tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a client found. `problems` is empty when all is well; each is one line.

    `server_version` is 180001 for 18.1; `components` is component -> version, empty where this role may not
    look or another project installed the core. `workers` are those alive.
    """

    problems: tuple[str, ...]
    server_version: int
    components: dict[str, int]
    flows: tuple[FlowInfo, ...]
    workers: tuple[WorkerInfo, ...]

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.problems
