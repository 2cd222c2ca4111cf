"""Versions of a flow: each is stored as a flow of its own, so that runs finish on what they began.

The first one is stored under the flow's name, the later ones under `name_v2` and so on. Numbers are never
used again. Schedules and retention belong to the name, everything else to the stored flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.graph.model import Flow
from pgflowc.plan.lock import Lock, LockedFlow
from pgflowc.plan.ops import DropVersion, Op, SetRetention, SetSchedule
from pgflowc.plan.shape import FlowShape
from pgflowc_language.slugs import MAX_FLOW_LENGTH


def stored_slug(name: str, version: int) -> str:
    """The slug under which the database has a version."""
    return name if version == 1 else f"{name}_v{version}"


def module_slug(name: str, version: int) -> str:
    """What the Python of a former version is called: its modules get their names as those of a flow do."""
    return f"{name}_v{version}"


def too_long(name: str, version: int) -> str:
    """Why the name leaves no room for the number; empty if it does."""
    slug = stored_slug(name, version)
    if len(slug) <= MAX_FLOW_LENGTH:
        return ""
    return f"the queue '{slug}' would have {len(slug)} characters, and {MAX_FLOW_LENGTH} is the limit"


def alone(shape: FlowShape) -> FlowShape:
    """The stored flow, without what belongs to its name."""
    return replace(shape, cron=None, retention=None)


def of_version(name: str, stored: str, ops: Sequence[Op], *, by_name: bool = False) -> tuple[Op, ...]:
    """Operations on a flow of that name as operations on the stored one, but for those on the name itself.

    `by_name`: the name has, or gets, several versions, as it does when it is not what is stored.
    """
    by_name = by_name or stored != name
    found: list[Op] = []
    for op in ops:
        match op:
            case SetSchedule():
                found.append(replace(op, by_name=by_name))
            case SetRetention():
                found.append(op)
            case _:
                found.append(replace(op, flow=stored))
    return tuple(found)


def drop_all(name: str, entry: LockedFlow) -> Iterator[DropVersion | SetSchedule | SetRetention]:
    """What deletes a flow with all its versions: the current one last."""
    if entry.cron:
        yield SetSchedule(name, entry.cron, None, by_name=True)
    if entry.retention:
        yield SetRetention(name, entry.retention, None)
    for former in entry.former:
        yield DropVersion(name, former.version, stored_slug(name, former.version), former.shape)
    yield DropVersion(name, entry.version, stored_slug(name, entry.version), alone(entry.shape))


def check_names(flows: Sequence[Flow], entries: Mapping[str, LockedFlow], lock: Lock, report: Report) -> None:
    """Report flows whose slug a version of another flow has, as its queue or as its module."""
    versions = {
        slug.lower(): (name, version)
        for name, entry in entries.items()
        for slug, version in _taken(name, entry)
    }
    specs = {flow.slug: flow for flow in flows}
    for flow in flows if versions else ():
        name, version = versions.get(flow.slug.lower(), ("", 0))
        if not name or name == flow.slug:
            continue
        # Who comes later has to give way.
        late = specs[name] if flow.slug in lock.flows and name in specs else flow
        message = f"{flow.kind} '{flow.slug}' has the slug of version {version} of '{name}'"
        help = ("give it another slug",)
        if late is not flow:
            message = f"version {version} of '{name}' would have the slug of {flow.kind} '{flow.slug}'"
            help = (
                f"write `on_change: drain` into '{name}', or rename '{flow.slug}' when it has no runs alive",
            )
        labels = (Label(flow.span, "has it"),) if late is not flow else ()
        report.add(Diagnostic(generated.VERSION_TAKEN, message, late.span, labels=labels, help=help))


def _taken(name: str, entry: LockedFlow) -> Iterator[tuple[str, int]]:
    if entry.version > 1:
        yield stored_slug(name, entry.version), entry.version
    for former in entry.former:
        yield module_slug(name, former.version), former.version
