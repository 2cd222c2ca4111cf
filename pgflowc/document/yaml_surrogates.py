"""Characters written as JSON writes them, in two escapes (`\\ud83d\\ude00`): YAML is a superset of JSON, but
its parsers refuse them.

Before parsing, each half gets the code of a private character that the text does not use, so that no offset
moves; in what was parsed, the two are joined.
"""

from __future__ import annotations

import re

_HIGH, _LOW, _COUNT = 0xD800, 0xDC00, 0x800
_PRIVATE = (0xE000, 0xE800, 0xF000)
_PAIR = re.compile(
    r"\\(?:u(?P<high>d[89ab][0-9a-f]{2})\\u(?P<low>d[c-f][0-9a-f]{2})|.)", re.IGNORECASE | re.DOTALL
)


class Surrogates:
    """The private characters that stand for surrogates in one text, from `base` on; none if it is 0."""

    __slots__ = ("_base", "_characters", "_escapes")

    def __init__(self, text: str) -> None:
        self._base = 0
        if re.search(r"\\u[dD][89abAB]", text):
            self._base = next((base for base in _PRIVATE if not _uses(text, base)), 0)
        self._characters = re.compile(f"([{chr(self._base)}-{chr(self._base + _COUNT - 1)}]){{2}}")
        self._escapes = re.compile(rf"\\u({self._base >> 12:x}[0-9a-f]{{3}})")

    def hidden(self, text: str) -> str:
        """The text with other escapes for all pairs of surrogates; of the same length."""
        return _PAIR.sub(self._hide, text) if self._base else text

    def joined(self, value: str) -> str:
        """What a quoted text means, in which escapes count."""
        return self._characters.sub(self._join, value) if self._base else value

    def restored(self, value: str) -> str:
        """A text without escapes, as it was written."""
        return self._escapes.sub(self._restore, value) if self._base else value

    def _hide(self, found: re.Match[str]) -> str:
        if not found["high"]:
            return found[0]
        codes = (int(found[half], 16) - _HIGH + self._base for half in ("high", "low"))
        return "".join(f"\\u{code:04x}" for code in codes)

    def _join(self, found: re.Match[str]) -> str:
        high, low = (ord(character) - self._base for character in found[0])
        return chr(0x10000 + (high << 10) + low + _HIGH - _LOW)

    def _restore(self, found: re.Match[str]) -> str:
        code = int(found[1], 16) - self._base
        return f"\\u{code + _HIGH:04x}" if 0 <= code < _COUNT else found[0]


def _uses(text: str, base: int) -> bool:
    last = base + _COUNT - 1
    written = re.search(f"[{chr(base)}-{chr(last)}]", text)
    escaped = re.finditer(r"\\[uU]0*([eEfF][0-9a-fA-F]{3})", text)
    return bool(written) or any(base <= int(found[1], 16) <= last for found in escaped)
