"""The whole compiler as one pure function: texts in, diagnostics and texts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pgflowc import document, graph, spec
from pgflowc.diagnostics import Diagnostic, Report, Severity
from pgflowc.graph.model import Flow
from pgflowc.plan import LOCK, Lock, parse_lock, plan
from pgflowc.render import Layout, Rendered, render


@dataclass(frozen=True, slots=True)
class Compilation:
    """What compiling came to. `rendered` holds nothing to write when there are errors.

    `sources` are the texts that diagnostics point into, by path.
    """

    diagnostics: tuple[Diagnostic, ...]
    sources: dict[str, str]
    flows: tuple[Flow, ...] = ()
    rendered: Rendered = field(default_factory=Rendered)

    @property
    def failed(self) -> bool:
        """Whether there are errors."""
        return any(found.severity is Severity.ERROR for found in self.diagnostics)


def check_sources(sources: Mapping[str, str], report: Report) -> tuple[Flow, ...]:
    """The flows of all specs, by slug; those with faults are reported and missing."""
    documents = [found for path, text in sources.items() for found in document.parse(path, text, report)]
    specs = [decoded for one in documents if (decoded := spec.decode(one, report)) is not None]
    return graph.build(specs, report)


def compile_sources(
    sources: Mapping[str, str], layout: Layout, present: Mapping[str, bytes], *, force: bool = False
) -> Compilation:
    """Compile specs (texts by path) for a project that has the files `present` (contents by path).

    `present` matters where it holds the lock, migrations and files of the package: see
    `project.read_present`. All paths are relative to the project, in POSIX form. `force` writes over
    generated files that were edited by hand.
    """
    report = Report()
    flows = check_sources(sources, report)
    lock_text = present.get(LOCK, b"").decode("utf-8", "replace")
    lock = parse_lock(lock_text, report) if LOCK in present else Lock()
    texts = {**sources, LOCK: lock_text}
    if lock is None or report.has_errors:
        return Compilation(report.sorted(), texts)
    planned = plan(lock, flows, layout.migrations_dir, _migrations(layout, present), report)
    rendered = render(planned, lock, flows, layout, present, report, force=force)
    pointed_at = {found.span.path for found in report.sorted() if found.span}
    texts |= {path: present[path].decode("utf-8", "replace") for path in pointed_at & present.keys()}
    return Compilation(report.sorted(), texts, flows, rendered)


def _migrations(layout: Layout, present: Mapping[str, bytes]) -> dict[str, bytes]:
    directory = PurePosixPath(layout.migrations_dir)
    return {
        PurePosixPath(path).name: content
        for path, content in present.items()
        if PurePosixPath(path).parent == directory
    }
