"""What a regular expression can say of payload types that are written as texts, such as `map of Item | null`:
the JSON Schema of specs goes by it.
"""

from __future__ import annotations

from pgflowc_language.type_names import NAME, WORDS

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
