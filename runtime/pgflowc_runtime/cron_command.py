"""What a job of pg_cron does, if all that it does is to start a run: as our migrations and those of the
family's other compilers write it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

# The three ways to write a text: escaped, plain, and in dollar quotes.
_TEXT = (
    r"(?:[eE](?P<{0}_e>'(?:[^'\\]|\\.|'')*')|(?P<{0}_s>'(?:[^']|'')*')"
    r"|(?P<{0}_d>\$(?P<{0}_t>\w*)\$.*?\$(?P={0}_t)\$))"
)
_CALL = re.compile(
    r"\s*select\s+(?:\*\s*from\s+)?(?:pgflow\.start_flow|pgflowc\.start_run)\s*\(\s*(?:(?:p_)?flow_slug\s*(?:=>|:=)\s*)?"
    + _TEXT.format("flow")
    + r"(?:\s*::\s*text)?(?:\s*,\s*(?:(?:p_)?input\s*(?:=>|:=)\s*)?"
    + _TEXT.format("input")
    + r"(?:\s*::\s*jsonb)?)\s*\)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|\\x([0-9a-fA-F]{1,2})|\\(.)|''", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Started:
    """The flow of the run, and its input as JSON has it."""

    flow: str
    input: Any


def started_by(command: str) -> Started | None:
    """The run that a command starts; None if it is not, or not only, the start of a run."""
    found = _CALL.fullmatch(command)
    if found is None:
        return None
    try:
        return Started(_text(found, "flow"), json.loads(_text(found, "input")))
    except ValueError:
        return None


def _text(found: re.Match[str], name: str) -> str:
    """The value of a literal."""
    if (written := found[f"{name}_s"]) is not None:
        return written[1:-1].replace("''", "'")
    if (written := found[f"{name}_d"]) is not None:
        fence = len(found[f"{name}_t"]) + 2
        return written[fence:-fence]
    return _ESCAPE.sub(_unescaped, found[f"{name}_e"][1:-1])


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code:
        return chr(int(code, 16))
    return _NAMED.get(escape[4], escape[4]) if escape[4] else "'"
