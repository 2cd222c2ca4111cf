"""How faults name values of the data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pgflowc_language.words import quote


def got(value: Any) -> str:
    """A value as it is named in a message."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    if isinstance(value, bool | int | float):
        return quote(json.dumps(value))[1:-1]
    return f"a value of type {type(value).__name__}"
