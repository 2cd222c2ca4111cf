"""Lock and flows to a plan: a new flow gets a migration, a changed one a diagnostic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.graph.model import Flow
from pgflowc.plan.changes import Change, changes
from pgflowc.plan.integrity import check_integrity
from pgflowc.plan.lock import LOCK, Lock, LockedFlow
from pgflowc.plan.ops import CreateFlow, Migration, Plan
from pgflowc.plan.shape import shape_of

_NUMBERED = re.compile(r"([0-9]+)_.*\.sql")


def plan(
    lock: Lock, flows: Sequence[Flow], directory: str, present: Mapping[str, bytes], report: Report
) -> Plan:
    """The migrations that `flows` (sorted by slug) need beyond those of the lock.

    `present` holds the files of the migrations directory by name, `directory` is how messages call it.
    Reported are flows that changed since their migration, recorded migrations that are missing or were
    edited, and, as a warning, flows of the lock that have no spec.
    """
    check_integrity(lock, {flow.slug for flow in flows}, directory, present, report)
    for flow in flows:
        if flow.slug in lock.flows:
            _check_unchanged(flow, lock.flows[flow.slug], directory, report)
    recorded = (migration.name for flow in lock.flows.values() for migration in flow.migrations)
    first = _highest_number((*present, *recorded)) + 1
    new = (flow for flow in flows if flow.slug not in lock.flows)
    return Plan(
        tuple(
            Migration(f"{number:04}_create_{flow.slug}", CreateFlow(flow))
            for number, flow in enumerate(new, first)
        )
    )


def _highest_number(names: Iterable[str]) -> int:
    return max((int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name))), default=0)


def _check_unchanged(flow: Flow, locked: LockedFlow, directory: str, report: Report) -> None:
    found = changes(locked.shape, shape_of(flow))
    if not found:
        return
    files = " and ".join(f"{directory}/{migration.name}" for migration in locked.migrations)
    headline = str(found[0]) if len(found) == 1 else f"{len(found)} changes"
    report.add(
        Diagnostic(
            generated.CHANGED_DEFINITION,
            f"{flow.kind} '{flow.slug}' differs from its migration: {headline}",
            flow.span,
            label=f"created by {files}",
            labels=tuple(_label(flow, change) for change in found) if len(found) > 1 else (),
            help=(
                "migrations are never written over, and migrations that change a flow are not part of "
                "pgflowc yet: "
                "undo the change, or give the changed flow a new name",
                f"while only development databases have it: delete {files} (and the .down.sql), its entry "
                f"in {LOCK}, "
                "run `pgflowc db down --delete` and compile again",
            ),
        )
    )


def _label(flow: Flow, change: Change) -> Label:
    present = change.step is not None and any(step.slug == change.step for step in flow.steps)
    if change.step is not None and present:
        return Label(flow.step(change.step).span, change.text)
    return Label(flow.span, str(change))
