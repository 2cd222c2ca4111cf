"""What a YAML parser's refusal means to the person who wrote the text.

The parser names its own state ("while scanning for the next token"); the fault is told from that and from the
text around the place.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pgflowc.diagnostics import Code, Diagnostic, Edit, Fix, Label, replacement
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.source import Source
from pgflowc.document.yaml_cuts import MAX_DEPTH, TOO_DEEP
from pgflowc_language.words import quote

_PLAIN_TEXT = re.compile(r"[^\r\n#]*[^\r\n#\s]")
_BRACKETS = re.compile(r"[\[\]{}]|\"(?:[^\"\\]|\\.)*\"|'[^']*'|#[^\r\n]*", re.DOTALL)
_INDENTATION = re.compile(r"^[ \t]+(?=[^ \t\r\n])", re.MULTILINE)
_MOST_EDITS = 10_000
_ONLY_A_KEY = re.compile(r"[ \t]*(?:- +)*[\w$.-]+:[ \t]+")
_CLOSING = {"[": "]", "{": "}"}
_LONE_WORD = re.compile(r"[ \t]*(?P<word>[\w.-]+)[ \t]*(?:#.*)?")
_KEY_AND_TEXT = re.compile(r"^[ \t]*(?:- +)*[\w$.-]+:[ \t]+(?P<text>[^'\"\[{|>\s].*?)[ \t]*$")


def diagnose(source: Source, problem: str, start: int, offset: int, context: int | None) -> Diagnostic:
    """The diagnostic for the parser's `problem` at `offset`.

    `start` is where the document begins, `context` where what the parser was reading began.
    """
    if problem == TOO_DEEP:
        return _fault(
            source,
            syntax.TOO_DEEP,
            f"lists and mappings are nested more than {MAX_DEPTH} levels deep",
            (offset, offset + 1),
            f"level {MAX_DEPTH + 1}",
            "give the inner parts names under 'types:' and use the names",
        )
    text = source.text
    line_start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    before = text[line_start:offset]
    character = text[offset : offset + 1]

    if character == "\t" or ("\t" in before and not before.strip()):
        tab = offset if character == "\t" else line_start + before.index("\t")
        found = _fault(
            source, syntax.TAB, "a tab in the indentation", (tab, tab + 1), "tab", "indent with spaces"
        )
        return replace(found, fix=_without_tabs(source) if not before.strip() else None)
    if "did not find expected alphabetic or numeric character" in problem and context is not None:
        return _unquoted(source, context)
    if "cannot start any token" in problem:
        return _unquoted(source, offset)
    if "mapping values are not allowed" in problem:
        return _colon(source, offset, line_start)
    if "unexpected end of stream" in problem and context is not None:
        mark = text[context : context + 1]
        return _fault(
            source,
            syntax.UNCLOSED,
            f"the quote {mark} is not closed",
            (context, context + 1),
            "opened here",
            f"close the text with {mark}",
        )
    if "expected ',' or" in problem and context is not None:
        return _unclosed(source, offset, context)
    if "node content" in problem:
        return _missing_value(source, offset, start)
    if character in ("]", "}"):
        return _fault(
            source,
            syntax.UNCLOSED,
            f"there is no open bracket for this '{character}'",
            (offset, offset + 1),
            "",
            "remove it, or open the bracket",
        )
    if "expected '-' indicator" in problem:
        return _beside(
            source,
            offset,
            context,
            "this is not a list item",
            "this list begins here",
            "begin it with '- ', or indent it like the key of the list",
        )
    if "did not find expected key" in problem:
        if not before.strip():
            cure = "give all keys of one mapping the same indentation"
            return _beside(source, offset, context, "this line is indented like no key above it", "", cure)
        return _fault(
            source,
            syntax.INVALID_YAML,
            "the value ended before this",
            _word(source, offset),
            "",
            "put the whole value in quotes, or in none",
        )
    if (
        context is not None
        and text[context : context + 1] in ("|", ">")
        and "comment or line break" in problem
    ):
        return _unquoted(source, context)
    if "directive" in problem and context is not None:
        return _unquoted(source, context)
    if "<document start>" in problem:
        return _fault(
            source,
            syntax.INVALID_YAML,
            "the document has ended before this",
            _word(source, offset),
            "",
            "separate documents with a line '---'",
        )
    if "unexpected ':'" in problem:
        start = context if context is not None else offset
        return _fault(
            source,
            syntax.COLON,
            "a colon in the middle of a text",
            _word(source, start),
            "",
            "put the text in quotes",
        )
    if "escape" in problem:
        backslash = text.rfind("\\", line_start, offset + 1)
        start = backslash if backslash >= 0 else offset
        return _fault(
            source,
            syntax.INVALID_YAML,
            f"{quote(text[start : start + 2])} is not an escape",
            (start, start + 2),
            "",
            "double the backslash, or use single quotes, which know no escapes",
        )
    if "could not find expected ':'" in problem and context is not None:
        return _no_colon(source, *_word(source, context))
    if "block sequence entries are not allowed" in problem:
        return _fault(
            source,
            syntax.INVALID_YAML,
            "a list item cannot begin in this place",
            (offset, offset + 1),
            "",
            "begin a new line for it, or write the list as [a, b]",
        )
    return _fault(
        source, syntax.INVALID_YAML, f"this is not valid YAML: {problem}", _word(source, offset), "", ""
    )


def _fault(
    source: Source, code: Code, message: str, stretch: tuple[int, int], label: str, help: str
) -> Diagnostic:
    return Diagnostic(code, message, source.span(*stretch), label=label, help=(help,) if help else ())


def _word(source: Source, offset: int) -> tuple[int, int]:
    """The stretch from `offset` to the end of its text on the line."""
    found = _PLAIN_TEXT.match(source.text, offset)
    return (offset, found.end()) if found else (offset, offset)


def _without_tabs(source: Source) -> Fix | None:
    """Two spaces for each tab, if the text is indented with nothing but tabs: else nobody knows how many."""
    indentations = list(_INDENTATION.finditer(source.text))
    if len(indentations) > _MOST_EDITS or not all(set(found[0]) == {"\t"} for found in indentations):
        return None
    edits = [Edit(source.span(*found.span()), "  " * len(found[0])) for found in indentations]
    return Fix(tuple(edits), certain=True)


def _quoting(source: Source, start: int, end: int, *, certain: bool) -> Fix | None:
    """Quotes around the rest of a line, if that is all that follows a key; None when there is more."""
    line_start = max(source.text.rfind("\n", 0, start), source.text.rfind("\r", 0, start)) + 1
    if not _ONLY_A_KEY.fullmatch(source.text, line_start, start) or source.text[end : end + 1] == "#":
        return None
    if source.text[end:].lstrip(" \t")[:1] == "#":
        return None
    return replacement(source.span(start, end), quoted(source.text[start:end]), certain=certain)


def _unquoted(source: Source, offset: int) -> Diagnostic:
    start, end = _word(source, offset)
    character = source.text[start : start + 1]
    written = source.text[start:end]
    if character == "|":
        cure = 'put the whole type in quotes: "[str] | null"'
        if source.text[:start].rstrip().endswith("}"):
            cure = "name the object under 'types:', and write the name: Address | null"
        return _fault(source, syntax.UNQUOTED, "'|' cannot follow a bracket in YAML", (start, end), "", cure)
    found = _fault(
        source,
        syntax.UNQUOTED,
        f"a text cannot begin with '{character}' unless it is quoted",
        (start, end),
        "needs quotes",
        f"write {quoted(written)}" if len(written) <= 60 else "put it in quotes",
    )
    # `>` and `|` may have been meant to begin a text of several lines.
    return replace(found, fix=_quoting(source, start, end, certain=character not in ">|"))


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar."""
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def _colon(source: Source, offset: int, line_start: int) -> Diagnostic:
    _, end = _word(source, line_start)
    found = _KEY_AND_TEXT.match(source.text[line_start:end])
    if found and line_start + found.start("text") < offset:
        suggestion = f": {quoted(found['text'])}" if len(found["text"]) <= 60 else ""
        start = line_start + found.start("text")
        fault = _fault(
            source,
            syntax.COLON,
            "a colon in the middle of a text",
            (offset, offset + 1),
            "makes a key of what stands before it",
            f"put the text in quotes{suggestion}",
        )
        is_prose = source.text[line_start:start].strip() == "description:"
        return replace(fault, fix=_quoting(source, start, line_start + found.end("text"), certain=is_prose))
    key = _key_above(source.text, line_start)
    if key is not None:
        return _no_colon(source, *key)
    return _fault(
        source,
        syntax.INDENTATION,
        "a key cannot stand here",
        (_first_word(source.text, line_start), offset),
        "the line above is a complete value",
        "check the indentation, and that the key above has no value of its own",
    )


def _key_above(text: str, line_start: int) -> tuple[int, int] | None:
    """The word that is all of the line above, if what begins at `line_start` stands deeper: a key, then."""
    above = text[:line_start].rstrip()
    start = max(above.rfind("\n"), above.rfind("\r")) + 1
    found = _LONE_WORD.fullmatch(above, start)
    if found is None or _first_word(text, line_start) - line_start <= found.start("word") - start:
        return None
    return found.span("word")


def _no_colon(source: Source, start: int, end: int) -> Diagnostic:
    return _fault(
        source,
        syntax.INVALID_YAML,
        "this is neither a key nor a list item",
        (start, end),
        "a ':' is missing after a key",
        "write 'key: value', or '- value' for a list item",
    )


def _missing_value(source: Source, offset: int, start: int) -> Diagnostic:
    bracket = _open_bracket(source.text, start, offset)
    if bracket is None:
        if source.text[offset : offset + 1] in ("]", "}"):
            message = f"there is no open bracket for this '{source.text[offset]}'"
            return _fault(
                source, syntax.UNCLOSED, message, (offset, offset + 1), "", "remove it, or open the bracket"
            )
        return _fault(source, syntax.INVALID_YAML, "a value is missing here", _word(source, offset), "", "")
    if source.text[offset : offset + 1] == ",":
        return _fault(
            source,
            syntax.INVALID_YAML,
            "a value is missing before this comma",
            (offset, offset + 1),
            "",
            "remove it",
        )
    sign = source.text[bracket]
    return _fault(
        source,
        syntax.UNCLOSED,
        f"the bracket '{sign}' is not closed",
        (bracket, bracket + 1),
        "opened here",
        f"close it with '{_CLOSING[sign]}'",
    )


def _open_bracket(text: str, start: int, end: int) -> int | None:
    """The last bracket before `end` that is not closed; quoted texts and comments are left aside."""
    open_: list[int] = []
    for found in _BRACKETS.finditer(text, start, end):
        if found[0] in "[{":
            open_.append(found.start())
        elif found[0] in "]}" and open_:
            open_.pop()
    return open_[-1] if open_ else None


def _unclosed(source: Source, offset: int, context: int) -> Diagnostic:
    bracket = source.text[context : context + 1]
    closing = _CLOSING.get(bracket, bracket)
    if offset >= len(source.text.rstrip()):
        return _fault(
            source,
            syntax.UNCLOSED,
            f"the bracket '{bracket}' is not closed",
            (context, context + 1),
            "opened here",
            f"close it with '{closing}'",
        )
    cure = f"close the bracket with '{closing}', or quote texts that hold any of ?[]{{}},:"
    if source.text[offset] == "?":
        cure = "a type that may be null or absent is written 'T | null'"
    return Diagnostic(
        syntax.UNCLOSED,
        f"expected ',' or '{closing}' in these brackets",
        source.span(*_word(source, offset))
        if source.text[offset] not in "]}"
        else source.span(offset, offset + 1),
        label=f"expected ',' or '{closing}' before this",
        labels=(Label(source.span(context, context + 1), "opened here"),),
        help=(cure,),
    )


def _beside(
    source: Source, offset: int, context: int | None, message: str, label: str, cure: str
) -> Diagnostic:
    """A line that does not go on with the collection that began at `context`."""
    labels: tuple[Label, ...] = ()
    if context is not None and source.position(context).line < source.position(offset).line - 1:
        labels = (
            Label(source.span(*_word(source, context)), label or "the keys it stands beside begin here"),
        )
    return Diagnostic(
        syntax.INDENTATION, message, source.span(*_word(source, offset)), labels=labels, help=(cure,)
    )


def _first_word(text: str, line_start: int) -> int:
    line = text[line_start:]
    return line_start + len(line) - len(line.lstrip(" \t-"))
