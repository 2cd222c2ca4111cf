"""The whole compiler as one pure function: texts in, diagnostics and texts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from pgflowc import document, graph, spec
from pgflowc.diagnostics import Code, Diagnostic, Fix, Report, Severity, ignores
from pgflowc.diagnostics.codes import syntax
from pgflowc.diagnostics.fixing import certain_fixes, fixed
from pgflowc.diagnostics.ignores import Ignore
from pgflowc.document.comments import python_text_test, text_test
from pgflowc.document.referred import Specs
from pgflowc.document.source import Source
from pgflowc.graph.model import Flow
from pgflowc.plan import LOCK, Lock, Plan, Target, parse_lock, plan
from pgflowc.render import Layout, Rendered, render

_SYNTAX_IDS = frozenset(code.id for code in vars(syntax).values() if isinstance(code, Code))
# Codes from here on are found by planning and rendering, which checking alone does not do.
_FIRST_OF_COMPILING = "PGF700"
_MOST_ROUNDS = 20
_MOST_TRIED = 20


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


def check_sources(sources: Mapping[str, str], report: Report) -> tuple[Flow, ...]:
    """The flows of all specs, by slug; those with faults are reported and missing.

    `sources` are texts by path; what they refer to is known if they are `Specs`.
    """
    return _check(sources, report)[0]


def _check(sources: Mapping[str, str], report: Report) -> tuple[tuple[Flow, ...], list[Ignore]]:
    """The flows, and the comments that ignore findings: those of later stages are not dealt with yet."""
    own = Report()
    documents = {path: document.parse(path, text, own) for path, text in sources.items()}
    parsed = [one for listed in documents.values() for one in listed]
    specs = [decoded for one in parsed if (decoded := spec.decode(one, own)) is not None]
    around = Specs.of(sources)
    flows = graph.for_target(graph.build(specs, own, around.referred), around.cron_target, own)
    ignored: list[Ignore] = []
    for path, text in sources.items():
        if ignores.MARK in text:
            found, faults = ignores.scan(path, text, text_test(documents[path], Source(path, text)))
            ignored.extend(found)
            own.extend(faults)
    report.extend(ignores.apply(own.sorted(), ignored, lambda code: code.id < _FIRST_OF_COMPILING))
    return flows, ignored


def fix_sources(sources: Mapping[str, str]) -> Specs:
    """The specs with every fault mended that has one certain cure; each other character is as it was.

    Mending one fault can bring another to light, so it goes on until there is nothing more to mend. Files
    are mended one by one, and a change that does not mend what it should is not made.
    """
    specs = Specs.of(sources)
    return specs.changed({path: _fix(specs, path, text) for path, text in sources.items()})


def _fix(specs: Specs, path: str, text: str) -> str:
    found = _findings(specs, path, text)
    for _ in range(_MOST_ROUNDS):
        fixes = certain_fixes(found, path)
        for chosen in (fixes, *([fix] for fix in fixes[:_MOST_TRIED])):
            better = fixed(text, chosen)
            after = _findings(specs, path, better)
            if better != text and _is_progress(found, after, chosen):
                text, found = better, after
                break
        else:
            return text
    return text


def _findings(specs: Specs, path: str, text: str) -> tuple[Diagnostic, ...]:
    report = Report()
    check_sources(specs.changed({path: text}), report)
    return report.sorted()


def _is_progress(before: Sequence[Diagnostic], after: Sequence[Diagnostic], made: Sequence[Fix]) -> bool:
    """Whether what was mended is gone, and the text can be read if it could before; new findings
    were hidden."""
    was, now = (Counter((found.code.id, found.message) for found in one) for one in (before, after))
    cured = {(found.code.id, found.message) for found in before if found.fix in made}
    unread_before, unread = (any(found.code.id in _SYNTAX_IDS for found in one) for one in (before, after))
    return all(now[kind] < was[kind] for kind in cured) and (unread_before or not unread)


def compile_sources(
    sources: Mapping[str, str],
    layout: Layout,
    present: Mapping[str, bytes],
    *,
    force: bool = False,
    allow_data_loss: bool = False,
    now: datetime | None = None,
) -> Compilation:
    """Compile specs (texts by path) for a project that has the files `present` (contents by path).

    `present` matters where it holds the lock, migrations and files of the package: see
    `project.read_present`. All paths are relative to the project, in POSIX form. `force` writes over
    generated files that were edited by hand, `allow_data_loss` lets migrations delete runs, and `now` is the
    time from which migrations are named where they are named by time.
    """
    report = Report()
    flows, ignored = _check(sources, report)
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
    )
    planned = plan(lock, flows, target, later)
    rendered = render(planned, lock, flows, layout, present, later, force=force)
    for path, content in present.items():
        if path.endswith(".py") and ignores.MARK.encode() in content:
            text = content.decode("utf-8", "replace")
            found, faults = ignores.scan(path, text, python_text_test(text))
            ignored.extend(found)
            later.extend(faults)
    report.extend(ignores.apply(later.sorted(), ignored, lambda code: code.id >= _FIRST_OF_COMPILING))
    pointed_at = {found.span.path for found in report.sorted() if found.span}
    texts |= {path: present[path].decode("utf-8", "replace") for path in pointed_at & present.keys()}
    return Compilation(report.sorted(), texts, flows, rendered, planned)


def _migrations(layout: Layout, present: Mapping[str, bytes]) -> dict[str, bytes]:
    directory = PurePosixPath(layout.migrations_dir)
    return {
        PurePosixPath(path).name: content
        for path, content in present.items()
        if PurePosixPath(path).parent == directory
    }
