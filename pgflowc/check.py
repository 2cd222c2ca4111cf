"""The half of the compiler that only looks at specs: texts in, diagnostics and checked flows out.

It knows nothing of plans and rendering, so that checking a spec does not wait for their imports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pgflowc import document, graph, spec
from pgflowc.diagnostics import Code, Diagnostic, Fix, Report, ignores
from pgflowc.diagnostics.codes import syntax
from pgflowc.diagnostics.fixing import certain_fixes, fixed
from pgflowc.diagnostics.ignores import Ignore
from pgflowc.document.comments import text_test
from pgflowc.document.referred import Specs
from pgflowc.document.source import Source
from pgflowc.graph.model import Flow

# Checking finds codes below the first, planning and rendering those from the second on; between them are
# breaking changes, which depend on what a spec is compared with.
FIRST_OF_BREAKING, FIRST_OF_COMPILING = "PGF700", "PGF800"
_SYNTAX_IDS = frozenset(code.id for code in vars(syntax).values() if isinstance(code, Code))
_MOST_ROUNDS = 20
_MOST_TRIED = 20


def check_sources(sources: Mapping[str, str], report: Report) -> tuple[Flow, ...]:
    """The flows of all specs, by slug; those with faults are reported and missing.

    `sources` are texts by path; what they refer to is known if they are `Specs`.
    """
    return checked(sources, report)[0]


def checked(sources: Mapping[str, str], report: Report) -> tuple[tuple[Flow, ...], list[Ignore]]:
    """The flows, and the comments that ignore findings: those of later stages are not dealt with yet."""
    own = Report()
    documents = {path: document.parse(path, text, own) for path, text in sources.items()}
    parsed = [one for listed in documents.values() for one in listed]
    specs = [decoded for one in parsed if (decoded := spec.decode(one, own)) is not None]
    around = Specs.of(sources)
    flows = graph.for_target(
        graph.build(specs, own, around.referred, around.extra_modes), around.cron_target, own
    )
    ignored: list[Ignore] = []
    for path, text in sources.items():
        if ignores.MARK in text:
            found, faults = ignores.scan(path, text, text_test(documents[path], Source(path, text)))
            ignored.extend(found)
            own.extend(faults)
    report.extend(ignores.apply(own.sorted(), ignored, lambda code: code.id < FIRST_OF_BREAKING))
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
