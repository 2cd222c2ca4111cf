"""How messages name the values that keys take, and the one that is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from pgflowc_language.words import quote

Path = tuple[str | int, ...]
EXPECTED = {
    "int_type": "an integer",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
"""What was expected, by pydantic's kind of error."""

EXPECTED_AT: Mapping[Path, str] = {
    ("cron",): "a schedule, such as '@hourly', or a mapping",
    ("extra_fields",): "'ignore', 'forbid' or a mapping",
    ("retention",): "a duration, such as 30d, or a mapping",
    ("version",): "a text",
}
"""The same of keys with a short form, by their path."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("when_unmet", "when_exhausted", "on_timeout"), ("skip", "skip-cascade", "fail")),
    **dict.fromkeys(("in", "out", "extra_fields"), ("ignore", "forbid")),
    "on_change": ("version", "drain", "recreate"),
    "catch_up": ("none", "last", "all"),
    "overlap": ("allow", "skip"),
    "isolation": ("thread", "process"),
}
"""The words that a key takes."""


def subject(path: Path) -> str:
    """What the value at `path` is called in a message."""
    names = [part for part in path if isinstance(part, str)]
    item = f"item {path[-1] + 1} of " if path and isinstance(path[-1], int) else ""
    if len(names) == 2 and names[0] == "steps":
        return f"{item}step {quote(names[1])}"
    return f"{item}{quote(names[-1])}" if names else item
