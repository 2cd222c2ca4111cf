"""What the usual form of specs is in YAML and in TOML: width, order of keys, quotes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pgflowc.document import Path
from pgflowc.spec.model import PERFORM_ORDER, ROOT_ORDER, SIGNAL_ORDER, STEP_ORDER

WIDTH = 110
INDENT = 2
_ORDERS: dict[Path, tuple[str, ...]] = {
    (): ROOT_ORDER,
    ("perform",): PERFORM_ORDER,
    ("perform", "signal"): SIGNAL_ORDER,
    ("cron",): ("schedule", "timezone", "input", "catch_up", "overlap"),
    ("retention",): ("completed", "failed"),
    ("extra_fields",): ("in", "out"),
}
_SIGNALS: tuple[Path, ...] = (("signal",), ("approval",))


class UnformattableError(Exception):
    """The text cannot be put into the usual form; the message says why."""


def ordered(keys: Iterable[str], path: Path) -> list[str]:
    """The keys of the mapping at `path` in the order of the documentation, unknown ones last; those of
    payloads and steps stay.
    """
    order = _ORDERS.get(path)
    if order is None and path[:1] == ("steps",):
        order = STEP_ORDER if len(path) == 2 else SIGNAL_ORDER if path[2:] in _SIGNALS else None
    if order is None:
        return list(keys)
    return sorted(keys, key=lambda key: order.index(key) if key in order else len(order))


def quoted(written: str, value: Any, plain: bool) -> str:
    """A text with double quotes in place of single ones, where they need no escapes."""
    if plain or not written.startswith("'") or not isinstance(value, str):
        return written
    safe = value.isprintable() and '"' not in value and "\\" not in value and "\n" not in written
    return f'"{value}"' if safe else written


def indented(written: str, indent: int) -> list[str]:
    """A value over several lines: what follows the first one is set deeper than its key."""
    first, *rest = written.split("\n")
    lines = [first.rstrip()]
    for line in rest:
        bare = line.strip()
        closing = indent if bare[:1] in ("]", "}") and indent else indent + INDENT
        lines.append(f"{' ' * closing}{bare}" if bare else "")
    return lines
