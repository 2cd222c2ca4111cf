"""How a new version of a flow comes into use while workers and runs of the old one are alive: as phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pgflowc.plan.versions import stored_slug

PhaseName = Literal["pre", "deploy", "gate", "flip", "post"]


@dataclass(frozen=True, slots=True)
class Phase:
    """One thing to do, or to wait for.

    `title` says what. `migration` is the name of the file to apply, without suffix; `command` what does it;
    `gate` is SQL whose only value has to be 0 before the next phase.
    """

    name: PhaseName
    title: str
    migration: str | None = None
    command: str | None = None
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """The way from version `before` of a flow to version `after`, in the order of its phases."""

    flow: str
    before: int
    after: int
    phases: tuple[Phase, ...]


def rollout(
    flow: str,
    before: int,
    after: int,
    create: str | None = None,
    switch: str | None = None,
    tool: str | None = None,
) -> Rollout:
    """The way by two migrations, whose names are given without suffix; None for those not compiled yet.

    `tool` is what applies them, if that is not pgflowc.
    """
    old, new = stored_slug(flow, before), stored_slug(flow, after)
    return Rollout(
        flow,
        before,
        after,
        (
            *(() if create else (Phase("pre", "write the migrations", command="pgflowc compile"),)),
            Phase(
                "pre",
                f"define version {after}; nothing starts on it yet",
                migration=create,
                command=_apply(create, tool) if create else None,
            ),
            Phase("deploy", f"replace the workers by those that serve {old} and {new}"),
            Phase(
                "gate",
                f"workers that do not serve {new}",
                gate=f"SELECT pgflowc.count_missing_workers('{flow}', {after})",
            ),
            Phase(
                "flip",
                f"let runs of {flow} start on version {after}",
                migration=switch,
                command=_apply(switch, tool) if switch else None if tool else "pgflowc db up",
            ),
            Phase(
                "gate",
                f"runs alive on version {before}",
                gate=f"SELECT pgflowc.count_alive_runs('{flow}', {before})",
            ),
            Phase(
                "post",
                f"delete version {before}, its queue and its finished runs",
                command=f"pgflowc versions retire {flow} {before}",
            ),
        ),
    )


def _apply(migration: str, tool: str | None) -> str:
    if tool:
        return f"apply {migration} by {tool}"
    return f"pgflowc db up --to {migration.partition('_')[0].lstrip('0')}"
