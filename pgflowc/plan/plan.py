"""Lock and flows to a plan: a new flow gets a migration, a changed one a diagnostic."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from itertools import count

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.graph.model import Flow
from pgflowc.plan.changes import Change, changes
from pgflowc.plan.integrity import check_integrity
from pgflowc.plan.lock import LOCK, Lock, LockedFlow
from pgflowc.plan.ops import MIGRATION_HEADER, CreateFlow, Migration, Plan
from pgflowc.plan.shape import shape_of

_NUMBERED = re.compile(r"([0-9]+)_.*\.sql")
_CREATES = re.compile(r"([0-9]{4,})_create_(.+?)(?:\.down)?\.sql")


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
    new = [flow for flow in flows if flow.slug not in lock.flows]
    recorded = {migration.name for flow in lock.flows.values() for migration in flow.migrations}
    numbers = _numbers([flow.slug for flow in new], present, recorded)
    return Plan(
        tuple(Migration(f"{numbers[flow.slug]:04}_create_{flow.slug}", CreateFlow(flow)) for flow in new)
    )


def _numbers(slugs: Collection[str], present: Mapping[str, bytes], recorded: Set[str]) -> dict[str, int]:
    """The numbers of the migrations that create these flows.

    A flow keeps the number of a file that creates it already, if that comes after all other migrations:
    compiling was killed before it wrote the lock, or the lock was lost.
    """
    unrecorded, highest = dict[str, int](), 0
    ours = {name for name, content in present.items() if content.startswith(MIGRATION_HEADER)} - recorded
    for name in present.keys() | recorded:
        creates = _CREATES.fullmatch(name)
        if creates and creates[2] in slugs and name in ours:
            unrecorded[creates[2]] = max(int(creates[1]), unrecorded.get(creates[2], 0))
        elif numbered := _NUMBERED.fullmatch(name):
            highest = max(int(numbered[1]), highest)
    kept = {slug: number for slug, number in unrecorded.items() if number > highest}
    following = count(max(highest, *unrecorded.values(), 0) + 1)
    return {slug: kept[slug] if slug in kept else next(following) for slug in slugs}


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
