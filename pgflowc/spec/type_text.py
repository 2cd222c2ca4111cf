"""The words of payload types that are written as texts, such as `map of Item | null`, and what a regular
expression can say of their grammar: the reader of types goes by these, and so does the JSON Schema.
"""

from __future__ import annotations

from typing import Literal, get_args

ScalarName = Literal[
    "str", "int", "float", "bool", "decimal", "date", "datetime", "time", "uuid", "bytes", "json", "any",
    "null",
]  # fmt: skip
SCALAR_NAMES: tuple[ScalarName, ...] = get_args(ScalarName)
"""The built-in types."""
WORDS = ("map", "of")
RESERVED = frozenset((*SCALAR_NAMES, *WORDS))
"""What no entry of `types` can be called."""
LONGEST_NAME = 128
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
LEXEME = r"[A-Za-z_$][A-Za-z0-9_]*|[^ \t\n\r\f\v]"

_BLANK = r"[ \t\n\r\f\v]"
_EXACT_DEPTH = 3


def whole_word(words: tuple[str, ...]) -> str:
    """A pattern that refuses to begin with one of the words; longer words that begin with it are right."""
    return rf"(?!(?:{'|'.join(words)})(?![A-Za-z0-9_]))"


def type_pattern() -> str:
    """The pattern of a whole text that is a type; inside of brackets three deep it takes anything."""
    inside = r"[\s\S]*"
    for end in (*[r"\]"] * _EXACT_DEPTH, "$"):
        atom = (
            rf"(?:map{_BLANK}+of(?:{_BLANK}+|(?=\[)))*"
            rf"(?:{whole_word(WORDS)}{NAME}|\[{_BLANK}*{inside}\])"
        )
        inside = rf"(?:{atom}{_BLANK}*(?:\|{_BLANK}*(?=[\[A-Za-z_])|(?={end})))+"
    return rf"^{_BLANK}*{inside}$"
