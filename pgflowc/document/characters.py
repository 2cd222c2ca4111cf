"""Characters that no spec may hold, found before any parser sees the text."""

from __future__ import annotations

import re

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.source import Source

# Everything outside YAML's printable set, which is also stricter than TOML's, and the invisible characters
# that some parsers take for line breaks (U+0085, U+2028, U+2029) or skip (U+FEFF).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
# jsonb and text of PostgreSQL hold neither of these; escapes in quoted texts can still bring them in.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

EMPTY_HELP = "write a flow ('flow' and 'steps') or a job ('job' and 'perform'), or remove the file"


def check_characters(source: Source, report: Report) -> bool:
    """Report the first character that cannot be read; true when there is none."""
    found = _FORBIDDEN.search(source.text)
    if found is None:
        return True
    more = sum(1 for _ in _FORBIDDEN.finditer(source.text, found.end()))
    help = ["is this a text file in UTF-8?"] if more else []
    report.add(
        Diagnostic(
            syntax.CHARACTER,
            f"the character {name_of(found[0])} cannot be part of a spec",
            source.span(found.start(), found.end()),
            label=f"and {more} more like it" if more else "remove it",
            help=tuple(help),
        )
    )
    return False


def unstorable(text: str) -> str | None:
    """The first character of `text` that PostgreSQL cannot store, None when all can be."""
    found = _UNSTORABLE.search(text)
    return found[0] if found else None


def name_of(character: str) -> str:
    """How a character is named in a message: `U+0000`."""
    return f"U+{ord(character):04X}"
