"""Cut a SQL script into its statements, so that an error can name the line of the one that failed.

Knows what may hold a semicolon that ends nothing: strings, quoted names, dollar quotes, comments, parentheses
(rules) and the body of `begin atomic`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*)
      | (?P<comment>/\*)
      | (?P<escape>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
      | (?P<string>'(?:[^']|'')*(?:'|\Z))
      | (?P<name>"(?:[^"]|"")*(?:"|\Z))
      | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff]\w*)?\$)
      | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
      | (?P<number>\d[\w.]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon; `line` (from 1) is where it begins; `words` are its first four
    bare words in lower case."""

    text: str
    line: int
    words: tuple[str, ...]

    @property
    def ends_transaction(self) -> bool:
        """Whether it begins or ends a transaction."""
        if self.words[:1] == ("rollback",):
            return "to" not in self.words[1:3]  # to a savepoint
        if self.words[:2] in {("start", "transaction"), ("prepare", "transaction")}:
            return True
        return self.words[:1] in {(word,) for word in ("begin", "commit", "end", "abort")}


def split_statements(script: str) -> Iterator[Statement]:
    """The statements of `script` in order; empty ones and comments alone are left out."""
    start: int | None = None
    words: list[str] = []
    parentheses = blocks = position = 0
    while position < len(script):
        token = _TOKEN.match(script, position)
        assert token is not None
        kind, text, begin = token.lastgroup, token.group(), position
        position = token.end()
        if kind == "comment":
            position = _after_comment(script, position)
            continue
        if kind == "blank":
            continue
        if kind == "dollar":
            closing = script.find(text, position)
            position = len(script) if closing < 0 else closing + len(text)
        elif kind == "word":
            word = text.lower()
            if (word == "atomic" and words[-1:] == ["begin"]) or (blocks and word == "case"):
                blocks += 1
            elif blocks and word == "end":
                blocks -= 1
            words.append(word)
        elif text == "(":
            parentheses += 1
        elif text == ")":
            parentheses = max(parentheses - 1, 0)
        elif text == ";" and not parentheses and not blocks:
            if start is not None:
                yield _statement(script, start, begin, words)
            start, words = None, []
            continue
        if start is None:
            start = begin
    if start is not None:
        yield _statement(script, start, len(script), words)


def _statement(script: str, start: int, end: int, words: list[str]) -> Statement:
    return Statement(script[start:end].rstrip(), script.count("\n", 0, start) + 1, tuple(words[:4]))


def _after_comment(script: str, position: int) -> int:
    depth = 1
    for edge in _COMMENT_EDGE.finditer(script, position):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(script)
