"""Flows of a database to specs that say the same: stored shapes and the project's specs in, texts out.

A flow is pulled only if the text that comes of it passes the checks and leads to the very shape that is
stored, so that comparing the two shows no difference. Whatever stands in the way is a fault, and all of them
are collected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pgflowc.check import check_sources
from pgflowc.diagnostics import Diagnostic, Report, Severity
from pgflowc.document.referred import Specs
from pgflowc.graph.model import Flow
from pgflowc.plan.changes import changes
from pgflowc.plan.shape import FlowShape, shape_of
from pgflowc.render.spec_text import spec_text
from pgflowc_language.slugs import broken_rule

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Stored:
    """A flow as a database has it under that name: its `version`, and `notes` for people, a line each."""

    name: str
    shape: FlowShape
    version: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a flow cannot be pulled, and the way out."""

    flow: str
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Pulled:
    """Texts of specs by path; `kept`: flow -> the file of the project that says the same already; `notes`
    are about what was pulled, a line each.
    """

    files: dict[str, str]
    kept: dict[str, str]
    notes: tuple[str, ...]
    faults: tuple[Fault, ...]


def pull(stored: Sequence[Stored], specs: Specs, patterns: Sequence[str], *, force: bool = False) -> Pulled:
    """Specs of the stored flows for a project that has `specs` already, which the settings' `patterns` find.

    A flow that the project specifies otherwise is a fault; with `force` its file is written over if it is
    the one that this flow would be written to, and holds no other.
    """
    known = {flow.slug: flow for flow in check_sources(specs, Report())}
    files: dict[str, str] = {}
    kept: dict[str, str] = {}
    notes: list[str] = []
    faults: list[Fault] = []
    for one in stored:
        path = spec_path(one.name, patterns)
        if rule := broken_rule(one.name):
            faults.append(Fault(one.name, f"no spec can say it: its slug {rule}"))
            continue
        if path is None:
            help = 'add one to pgflowc.toml, for example: flows = ["flows/*.yaml"]'
            faults.append(Fault(one.name, f"no pattern of the project finds {one.name}.yaml", help))
            continue
        spec = known.get(one.name)
        if spec is not None and not _differences(one, spec, specs):
            kept[one.name] = spec.source
            continue
        found = list(_obstacles(one, path, known, specs, force=force)) or list(_unlike(one, path, specs))
        faults += found
        if not found:
            files[path] = spec_text(path, one.name, one.shape, one.notes)
            notes += [f"{one.name}: {note}" for note in one.notes]
    faults += [] if faults else _together(files, specs)
    return Pulled(files, kept, tuple(notes), tuple(faults))


def spec_path(name: str, patterns: Sequence[str]) -> str | None:
    """Where a spec of that name belongs, so that one of the patterns finds it; None where none would."""
    for pattern in patterns:
        parts = PurePosixPath(pattern).parts
        fixed = next((n for n, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
        for suffix in (".yaml", ".yml"):
            path = PurePosixPath(*parts[:fixed], f"{name}{suffix}")
            # A pattern that names directories in between finds no file above them.
            if len(parts) - fixed == 1 and path.match(pattern):
                return path.as_posix()
            if parts[fixed] == "**" and path.match(str(PurePosixPath(*parts[:fixed], *parts[fixed + 1 :]))):
                return path.as_posix()
    return None


def _obstacles(
    one: Stored, path: str, known: Mapping[str, Flow], specs: Specs, *, force: bool
) -> list[Fault]:
    """What speaks against writing the flow to `path`."""
    spec = known.get(one.name)
    if spec is not None and spec.source != path:
        what = "; ".join(_differences(one, spec, specs))
        help = f"`pgflowc diff {one.name}` shows what differs; delete it from {spec.source} to pull it anew"
        return [Fault(one.name, f"{spec.source} specifies it otherwise: {what}", help)]
    others = sorted(flow.slug for flow in known.values() if flow.source == path and flow.slug != one.name)
    if others:
        return [Fault(one.name, f"{path} is there already, and specifies {', '.join(others)}", "rename it")]
    if path in specs and not force and specs[path] != spec_text(path, one.name, one.shape, one.notes):
        what = "; ".join(_differences(one, spec, specs)) if spec else "it has mistakes"
        help = "--diff shows what would change, --force writes over it"
        return [Fault(one.name, f"{path} is there already: {what}", help)]
    return []


def _unlike(one: Stored, path: str, specs: Specs) -> list[Fault]:
    """Why the text of the flow would not lead to what is stored."""
    if one.version > 1:
        help = "get pgflowc.lock and the specs from the project that made the versions"
        return [Fault(one.name, f"it is in its version {one.version}, which no spec alone can say", help)]
    if one.shape.kind == "job" and len(one.shape.steps) != 1:
        return [Fault(one.name, f"it is a job of {len(one.shape.steps)} steps, and jobs have one")]
    if not one.shape.steps:
        return [Fault(one.name, "it has no step", f"select pgflow.delete_flow_and_data('{one.name}')")]
    twisted = [step.slug for step in one.shape.steps if step.kind == "map" and len(step.depends_on) > 1]
    if twisted:
        return [Fault(one.name, f"map step {', '.join(twisted)} waits for several steps")]
    report = Report()
    text = spec_text(path, one.name, one.shape)
    flows = check_sources(Specs({path: text}, cron_target=specs.cron_target), report)
    errors = [found for found in report.sorted() if found.severity is Severity.ERROR]
    if errors or not flows:
        return [_refused(one.name, found) for found in errors]
    lines = _differences(one, flows[0], specs)
    return [Fault(one.name, f"a spec would not say the same: {line}") for line in lines]


def _together(files: Mapping[str, str], specs: Specs) -> list[Fault]:
    """What is wrong with the new specs only beside each other and those of the project."""
    report = Report()
    check_sources(specs.changed({**specs, **files}), report)
    return [
        _refused(PurePosixPath(found.span.path).stem, found)
        for found in report.sorted()
        if found.severity is Severity.ERROR and found.span is not None and found.span.path in files
    ]


def _refused(name: str, found: Diagnostic) -> Fault:
    return Fault(name, f"no spec can say it: {found.message}", f"pgflowc explain {found.code.id}")


def _differences(one: Stored, flow: Flow, specs: Specs) -> list[str]:
    """What leads from the stored flow to the spec; who keeps its schedule is not looked at."""
    before, after = one.shape, shape_of(flow, specs.cron_target)
    if before.cron is not None and after.cron is not None:
        after = replace(after, cron=replace(after.cron, keeper=before.cron.keeper))
    return [op.change for op in changes(one.name, before, after)]
