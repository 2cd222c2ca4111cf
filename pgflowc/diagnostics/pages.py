"""What there is to know about each code: the pages of `pgflowc explain`, and docs/diagnostics.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import fill, indent

from pgflowc.diagnostics.model import Code

FAMILIES = {
    "PGF00": "Syntax",
    "PGF01": "Syntax",
    "PGF02": "Ignore comments",
    "PGF05": "Files",
    "PGF06": "The project",
    "PGF1": "The spec language",
    "PGF2": "Steps and what they depend on",
    "PGF3": "Payload types",
    "PGF4": "Conditions",
    "PGF5": "Numbers and times",
    "PGF6": "The target database",
    "PGF7": "Changes that break what runs",
    "PGF8": "The lock, migrations and generated files",
}
_COLUMNS = 110
_INTRODUCTION = """\
# Diagnostics

Every code that pgflowc reports. `pgflowc explain CODE` prints the same; [validating](validating.md) says how
findings are shown, mended and ignored.

<!-- Written by PGFLOWC_UPDATE_CASES=1 pytest tests/compiler/test_pages.py from pgflowc/diagnostics/codes. -->
"""


def page(code: Code, columns: int) -> str:
    """The page of one code for a terminal of that width."""
    parts = [
        _wrapped(f"{code.id} ({code.severity}): {code.title}", columns),
        _wrapped(code.cause, columns),
        f"Example:\n\n{indent(code.example, '    ')}",
        _wrapped(f"Cure: {code.cure}", columns),
    ]
    if code.cured:
        parts.append(f"Cured:\n\n{indent(code.cured, '    ')}")
    return "\n\n".join(parts)


def markdown(codes: Iterable[Code]) -> str:
    """The pages of all codes, by family."""
    return "\n".join([_INTRODUCTION, *_sections(codes)])


def _sections(codes: Iterable[Code]) -> Iterator[str]:
    heading = ""
    for code in codes:
        family = next((title for prefix, title in FAMILIES.items() if code.id.startswith(prefix)), "Others")
        if family != heading:
            heading = family
            yield f"## {heading}\n"
        yield f"### {code.id}\n"
        yield f"{code.severity.capitalize()}: {code.title}.\n"
        yield f"{_wrapped(code.cause, _COLUMNS)}\n"
        yield _block(code.example)
        yield f"{_wrapped(code.cure, _COLUMNS)}\n"
        if code.cured:
            yield _block(code.cured)


def _block(text: str) -> str:
    if text.startswith("$ "):
        language = "console"
    elif " = " in text.partition("\n")[0]:
        language = "toml"
    else:
        language = "yaml" if ":" in text.partition("\n")[0] or text.startswith(("- ", "#")) else "text"
    return f"```{language}\n{text}\n```\n"


def _wrapped(text: str, columns: int) -> str:
    """Every line of `text` wrapped; words, which may be commands or paths, stay whole."""
    return "\n".join(
        fill(line, columns, break_long_words=False, break_on_hyphens=False) for line in text.splitlines()
    )
