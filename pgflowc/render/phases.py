"""The phases of a rollout, for people."""

from __future__ import annotations

from collections.abc import Iterator

from pgflowc.plan.rollout import Rollout


def describe_rollout(rollout: Rollout) -> Iterator[str]:
    """The phases of a rollout, numbered, each with the command or the query that it needs."""
    yield f"rolling out version {rollout.after} of {rollout.flow} while workers and runs are alive:"
    for number, phase in enumerate(rollout.phases, 1):
        yield f"  {number}. {phase.name + ':':<7} {phase.title}"
        if phase.command:
            yield f"             {phase.command}"
        if phase.gate:
            yield f"             {phase.gate}  -- 0, before you go on"
