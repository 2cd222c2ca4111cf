"""What `tomllib`'s refusal means to the person who wrote the text."""

from __future__ import annotations

import re

from pgflowc.diagnostics import Diagnostic, Fix, Label, replacement
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.model import Place
from pgflowc.document.source import Source
from pgflowc_language.words import quote

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_WORD = re.compile(r"[^\s,\[\]{}#=]+")
_WHOLE_WORD = re.compile(r"[A-Za-z_$@/.-][\w$@/.:-]*[ \t]*(?:#.*)?$", re.MULTILINE)
_REST = re.compile(r"[^\r\n#]*[^\r\n#\s]")
_STATEMENT = re.compile(r"^[ \t]*[\w.\"'-]{1,200}[ \t]*=", re.MULTILINE)
_BRACKETS = re.compile(r"[\[\]{}]|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|#[^\n]*")
_UNCLOSED = (
    "Unclosed",
    "Unterminated",
    "Expected \"'",
    'Expected """',
    "Illegal character '\\n'",
    "Expected ']'",
)
_MEANT = {"True": "true", "yes": "true", "on": "true", "False": "false", "no": "false", "off": "false"}


def duplicate_key(key: str, first: Place, second: Place) -> Diagnostic:
    """The diagnostic for a key or table that is defined twice."""
    return Diagnostic(
        syntax.DUPLICATE_KEY,
        f"the key {quote(key)} occurs twice",
        second.span,
        label="second time",
        labels=(Label(first.span, "first time"),),
        help=("rename or remove one of the two",),
    )


def diagnose(source: Source, problem: str) -> Diagnostic:
    """The diagnostic for a TOMLDecodeError's message, which ends with its place."""
    found = _PLACE.search(problem)
    offset = len(source.text)
    if found:
        problem = problem[: found.start()]
        if found["line"]:
            offset = _offset(source.text, int(found["line"]), int(found["column"]))
    return _explain(source, problem, offset)


def _offset(text: str, line: int, column: int) -> int:
    """The offset of a place as `tomllib` counts: lines end with a line feed and nothing else."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + column - 1, len(text))


def _explain(source: Source, problem: str, offset: int) -> Diagnostic:
    if problem == "Invalid value":
        return _invalid_value(source, offset)
    if problem.startswith("Expected '=' after a key"):
        help = (
            "write '=' instead of ':'" if source.text[offset : offset + 1] == ":" else "write 'key = value'"
        )
        return _fault(source, "a '=' is missing after the key", offset, help)
    if problem.startswith(_UNCLOSED):
        return _unclosed(source, problem, offset)
    if problem.startswith("Expected newline or end of document"):
        return _fault(
            source, "the value ended before this", offset, "write one 'key = value' a line; quote texts"
        )
    if problem.startswith("Unescaped '\\'"):
        return _fault(
            source,
            "a backslash needs to be doubled in a text",
            max(offset - 2, 0),
            "write \\\\, or use single quotes",
        )
    if problem.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate", "Cannot redefine")):
        line_start = source.offset(source.position(offset).line, 1)
        return _fault(
            source,
            "this table or key is defined elsewhere already",
            line_start,
            "keep all of it in one place",
        )
    if problem == "Invalid statement":
        return _fault(source, "this is neither a key nor a table", offset, "write 'key = value' or '[table]'")
    return _fault(source, f"this is not valid TOML: {problem[:1].lower()}{problem[1:]}", offset, "")


def _fault(source: Source, message: str, offset: int, help: str) -> Diagnostic:
    found = _REST.match(source.text, offset)
    return Diagnostic(
        syntax.INVALID_TOML,
        message,
        source.span(offset, found.end() if found else offset),
        help=(help,) if help else (),
    )


def _invalid_value(source: Source, offset: int) -> Diagnostic:
    word = _WORD.match(source.text, offset)
    bracket = _open_bracket(source.text) if not source.text[offset:].strip() else None
    if bracket is not None:
        return _unclosed(source, "Unclosed array", bracket + 1)
    if word is None:
        return Diagnostic(
            syntax.INVALID_TOML,
            "a value is missing",
            source.span(offset, offset),
            help=("write it after the '='",),
        )
    fix: Fix | None = None
    if word[0] in _MEANT:
        help = f"write {_MEANT[word[0]]}"
        if word[0].lower() == _MEANT[word[0]]:
            fix = replacement(source.span(*word.span()), _MEANT[word[0]])
    elif word[0].lower() in ("null", "none", "nil"):
        help = 'TOML has no null: leave the key out, or write "null" for the type'
    else:
        help = "texts need quotes in TOML"
        if _WHOLE_WORD.match(source.text, offset):
            fix = replacement(source.span(*word.span()), f'"{word[0]}"')
    return Diagnostic(
        syntax.INVALID_TOML,
        f"{quote(word[0])} is not a value",
        source.span(*word.span()),
        help=(help,),
        fix=fix,
    )


def _open_bracket(text: str) -> int | None:
    """The last bracket of the last statement that is not closed."""
    statements = list(_STATEMENT.finditer(text))
    open_: list[int] = []
    for found in _BRACKETS.finditer(text, statements[-1].end() if statements else 0):
        if found[0] in "[{":
            open_.append(found.start())
        elif found[0] in "]}" and open_:
            open_.pop()
    return open_[-1] if open_ and text[open_[-1]] == "[" else None


def _unclosed(source: Source, problem: str, offset: int) -> Diagnostic:
    what = "array" if "array" in problem else "table" if "table" in problem or "]" in problem else "text"
    if what == "text" and offset >= len(source.text):
        # The parser ran to the end; the quote that began it is the last one that opens something.
        offset = max(source.text.rfind('"""'), source.text.rfind("'''"), source.text.rfind("'"), 0)
    line = source.position(min(offset, len(source.text))).line
    start = source.offset(line, 1)
    if what == "array":
        start = source.text.rfind("[", 0, offset)
    elif what == "table" and "inline" in problem:
        start = source.text.rfind("{", 0, offset)
    elif what == "text" and source.text[start:offset].strip():
        start = max(source.text.rfind('"', start, offset), source.text.rfind("'", start, offset), start)
    start = max(start, 0)
    found = _REST.match(source.text, start)
    closing = {"array": "]", "table": "}" if "inline" in problem else "]", "text": "the quote that began it"}[
        what
    ]
    help = {"array": "close it with ']'", "text": "close it with the quote that began it"}.get(
        what, f"close it with '{closing}'" + (" on the same line" if closing == "}" else "")
    )
    return Diagnostic(
        syntax.UNCLOSED,
        f"a {what} is not closed".replace("a array", "an array"),
        source.span(start, found.end() if found else start),
        help=(help,),
    )
