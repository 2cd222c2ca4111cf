"""The whole compiler as one pure function: texts in, diagnostics and texts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from pgflowc.check import FIRST_OF_COMPILING, check_sources, checked, fix_sources
from pgflowc.diagnostics import Diagnostic, Report, Severity, ignores
from pgflowc.diagnostics.ignores import Ignore
from pgflowc.document.comments import python_text_test
from pgflowc.document.referred import Specs
from pgflowc.graph.model import Flow
from pgflowc.plan import LOCK, Lock, Plan, Target, parse_lock, plan
from pgflowc.render import Layout, Rendered, render
from pgflowc.render.former_code import known_code

__all__ = ["Compilation", "check_sources", "compile_sources", "fix_sources"]


@dataclass(frozen=True, slots=True)
class Compilation:
    """What compiling came to. `rendered` holds nothing to write when there are errors.

    `sources` are the texts that diagnostics point into, by path.
    """

    diagnostics: tuple[Diagnostic, ...]
    sources: dict[str, str]
    flows: tuple[Flow, ...] = ()
    rendered: Rendered = field(default_factory=Rendered)
    plan: Plan = field(default_factory=Plan)

    @property
    def failed(self) -> bool:
        """Whether there are errors."""
        return any(found.severity is Severity.ERROR for found in self.diagnostics)


def compile_sources(
    sources: Mapping[str, str],
    layout: Layout,
    present: Mapping[str, bytes],
    *,
    force: bool = False,
    allow_data_loss: bool = False,
    now: datetime | None = None,
    retired: frozenset[tuple[str, int]] = frozenset(),
    writes: bool = True,
) -> Compilation:
    """Compile specs (texts by path) for a project that has the files `present` (contents by path).

    `present` matters where it holds the lock, migrations and files of the package: see
    `project.read_present`. All paths are relative to the project, in POSIX form. `force` writes over
    generated files that were edited by hand, `allow_data_loss` lets migrations delete runs, and `now` is the
    time from which migrations are named where they are named by time. `retired` are former versions of flows
    that are to go. If the result will be written
    (`writes`) and there are no errors, findings in files of handlers are placed where they are then.
    """
    report = Report()
    flows, ignored = checked(sources, report)
    lock_text = present.get(LOCK, b"").decode("utf-8", "replace")
    lock = parse_lock(lock_text, report) if LOCK in present else Lock()
    texts = {**sources, LOCK: lock_text}
    if lock is None or report.has_errors:
        return Compilation(report.sorted(), texts)
    later = Report()
    found_there = _migrations(layout, present)
    target = Target(
        layout.migrations_dir,
        found_there,
        layout.migrations_format,
        allow_data_loss,
        now,
        Specs.of(sources).cron_target,
        known_code(layout.package, layout.python(), present),
        retired,
    )
    planned = plan(lock, flows, target, later)
    writes = writes and not later.has_errors
    rendered, found, comments = _rendered(planned, lock, flows, layout, present, force=force, writes=writes)
    if found.has_errors and rendered.settled:
        rendered, found, comments = _rendered(
            planned, lock, flows, layout, present, force=force, writes=False
        )
    later.extend(found.sorted())
    ignored.extend(comments)
    report.extend(ignores.apply(later.sorted(), ignored, lambda code: code.id >= FIRST_OF_COMPILING))
    pointed_at = {found.span.path for found in report.sorted() if found.span}
    texts |= {path: present[path].decode("utf-8", "replace") for path in pointed_at & present.keys()}
    return Compilation(report.sorted(), texts | rendered.settled, flows, rendered, planned)


def _rendered(
    planned: Plan,
    lock: Lock,
    flows: Sequence[Flow],
    layout: Layout,
    present: Mapping[str, bytes],
    *,
    force: bool,
    writes: bool,
) -> tuple[Rendered, Report, list[Ignore]]:
    """The files, what was found, and the comments in the files of handlers that ignore findings."""
    report = Report()
    rendered = render(planned, lock, flows, layout, present, report, force=force, writes=writes)
    ignored: list[Ignore] = []
    for path, content in present.items():
        if path.endswith(".py") and ignores.MARK.encode() in content:
            text = rendered.settled.get(path) or content.decode("utf-8", "replace")
            found, faults = ignores.scan(path, text, python_text_test(text))
            ignored.extend(found)
            report.extend(faults)
    return rendered, report, ignored


def _migrations(layout: Layout, present: Mapping[str, bytes]) -> dict[str, bytes]:
    directory = PurePosixPath(layout.migrations_dir)
    return {
        PurePosixPath(path).name: content
        for path, content in present.items()
        if PurePosixPath(path).parent == directory
    }
