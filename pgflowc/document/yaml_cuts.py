"""What recovering from a syntax error leaves: apart from the recovery itself, which most texts never need."""

from __future__ import annotations

from dataclasses import dataclass, field

ROOT = -1
"""Where the mapping of the whole document is said to have its key."""
MAX_DEPTH = 64
TOO_DEEP = "lists and mappings are nested too deeply"
"""The problem that no parser has, but what walks through the nodes would."""


@dataclass(slots=True)
class Cuts:
    """What was cut: values by the offset of the `~` in their place, with their stretch; the offsets of the
    keys (`ROOT` for the document) whose mappings may have lost keys; and all words that were cut.
    """

    values: dict[int, tuple[int, int]] = field(default_factory=dict)
    incomplete: set[int] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
