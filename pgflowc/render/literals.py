"""The only place where users' texts become parts of SQL and Python. Whatever they hold, they end inert.

Characters that are invisible, reorder text or end a line are written as escapes, so that what a reviewer sees
is what the database and Python see.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Iterable

from pgflowc.render.layout import WIDTH

# Separators, controls, format characters (bidirectional marks), surrogates, private use. Not the unassigned
# ones: which
# those are depends on the Python that compiles, and output must not.
_HIDDEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"})
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~@$])")


def one_line(text: str) -> str:
    """`text` with every run of white space as one blank, and every other invisible character as an escape."""
    return _visible(" ".join(text.split()))


def markdown_text(text: str) -> str:
    """`text` on one line of Markdown, nothing of it markup."""
    return _MARKUP.sub(r"\\\1", one_line(text))


def sql_text(value: str) -> str:
    """A SQL literal of type text, right for either setting of `standard_conforming_strings`."""
    if "\0" in value:
        raise ValueError("PostgreSQL's texts cannot hold NUL")
    quoted = value.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"


def sql_text_array(values: Iterable[str]) -> str:
    """An array of texts."""
    return f"ARRAY[{', '.join(map(sql_text, values))}]::text[]"


def sql_optional_int(value: int | None) -> str:
    """An integer, or NULL."""
    return "NULL" if value is None else str(int(value))


def sql_optional_interval(seconds: int | None) -> str:
    """A whole number of the largest unit that fits, as an untyped literal, or NULL."""
    if seconds is None:
        return "NULL"
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, size = next((unit, size) for unit, size in units if seconds % size == 0)
    return f"'{seconds // size} {unit}{'' if seconds == size else 's'}'"


def sql_jsonb(text: str) -> str:
    """A jsonb literal of a JSON text."""
    canonical = json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
    return sql_text("".join(json.dumps(c)[1:-1] if _hidden(c) else c for c in canonical)) + "::jsonb"


def python_text(value: str) -> str:
    """A Python string literal, with the quotes that `ruff format` prefers."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    escaped = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return quote + _visible(escaped) + quote


def python_value(value: str | int | float | bool | None) -> str:
    """A Python literal of a JSON scalar."""
    return python_text(value) if isinstance(value, str) else repr(value)


def docstring(text: str) -> str:
    """The inside of a triple-quoted docstring, on one line."""
    words = " ".join(text.split())
    escaped = words.replace("\\", "\\\\")
    if words.startswith('"') or words.endswith('"') or '"""' in words:
        escaped = escaped.replace('"', '\\"')
    return _visible(escaped)


def docstring_lines(text: str, indent: str = "") -> list[str]:
    """`text` as a docstring: one line if it fits, else wrapped, the closing quotes on a line of their own."""
    escaped = docstring(text)
    if len(indent) + len(escaped) + 6 <= WIDTH:
        return [f'{indent}"""{escaped}"""']
    lines = textwrap.wrap(
        f'"""{escaped}', WIDTH - len(indent), break_long_words=False, break_on_hyphens=False
    )
    return [f"{indent}{line}" for line in (*lines, '"""')]


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if _hidden(c) else c for c in text)


def _hidden(character: str) -> bool:
    return character != " " and unicodedata.category(character) in _HIDDEN


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
