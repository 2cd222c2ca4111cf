"""Plain YAML scalars by the core schema of YAML 1.2: `on`, `yes`, `1_000`, `012` and `12:30:00` keep the
meaning they look like.

Parsers that follow YAML 1.1 read them as booleans, octal and base 60, which is why the parser's own reading
is not used.
"""

from __future__ import annotations

import re

from pgflowc.document.model import ScalarValue

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS = 400  # More than any double has; `int()` refuses texts above some thousand digits.


def resolve(text: str) -> ScalarValue:
    """The value of a plain scalar. Raises OverflowError for numbers that JSON cannot hold: infinite, NaN, too
    long.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if len(text) > _MAX_DIGITS and (
        _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) or _HEXADECIMAL.fullmatch(text)
    ):
        raise OverflowError
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise OverflowError
        return number
    if _NOT_A_NUMBER.fullmatch(text):
        raise OverflowError
    return text
