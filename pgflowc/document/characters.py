"""Characters that no spec may hold, found before any parser sees the text."""

from __future__ import annotations

import re
from itertools import islice

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.source import Source

# Everything outside YAML's printable set, which is also stricter than TOML's, and the invisible characters
# that some parsers take for line breaks (U+0085, U+2028, U+2029) or skip (U+FEFF).
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
# jsonb and text of PostgreSQL hold neither of these; escapes in quoted texts can still bring them in.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_MOST_MENDED = 20
_REST = re.compile(r"[^\r\n]*")
_LINE_ENDS = ("\r", "\n")

EMPTY_HELP = "write a flow ('flow' and 'steps') or a job ('job' and 'perform'), or remove the file"


def without_odd_characters(source: Source, report: Report) -> Source | None:
    """The source with others in the place of characters that cannot be read, the first of which is reported.

    None if there are so many that it is no text.
    """
    found = list(islice(_FORBIDDEN.finditer(source.text), _MOST_MENDED + 1))
    if not found:
        return source
    first = found[0]
    more = sum(1 for _ in _FORBIDDEN.finditer(source.text, first.end()))
    help = ["is this a text file in UTF-8?"] if more else []
    report.add(
        Diagnostic(
            syntax.CHARACTER,
            f"the character {name_of(first[0])} cannot be part of a spec",
            source.span(first.start(), first.end()),
            label=f"and {more} more like it" if more else "remove it",
            help=tuple(help),
        )
    )
    if len(found) > _MOST_MENDED:
        return None
    text = source.text
    for match in reversed(found):
        text = _mended(text, match.start())
    return Source(source.path, text, [match.start() for match in found])


def _mended(text: str, offset: int) -> str:
    """The text with another character at the offset, or, in an indentation, none: the line then gets a blank
    at its end, so that all other lines stay where they are.
    """
    after = text[offset + 1 : offset + 2]
    line_start = max(text.rfind(sign, 0, offset) for sign in _LINE_ENDS) + 1
    if after == " " and not text[line_start:offset].strip():
        line = _REST.match(text, offset + 1)
        assert line is not None
        return f"{text[:offset]}{line[0]} {text[line.end() :]}"
    # A blank where it ends a text, so that what is before it stays as it is.
    return f"{text[:offset]}{' ' if after in ('', ' ', *_LINE_ENDS) else '_'}{text[offset + 1 :]}"


def unstorable(text: str) -> str | None:
    """The first character of `text` that PostgreSQL cannot store, None when all can be."""
    found = _UNSTORABLE.search(text)
    return found[0] if found else None


def name_of(character: str) -> str:
    """How a character is named in a message: `U+0000`."""
    return f"U+{ord(character):04X}"
