"""The fix for what pydantic found, where the spec says plainly enough what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from pgflowc.diagnostics import Fix, replacement
from pgflowc.diagnostics.fixing import respelling, rewording
from pgflowc.document import Document, Mapping, Node, Path, Scalar, Sequence
from pgflowc_language import durations, schedules
from pgflowc_language.slugs import broken_rule

_WITH_UNITS = re.compile(r"(?:\d+ ?[a-z]+ ?)+", re.IGNORECASE)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_PROSE = ("description", "version")


def misspelt_key(document: Document, path: Path, allowed: tuple[str, ...]) -> Fix | None:
    """The fix for a key that is a slip for one of `allowed` that is not there already."""
    entry, parent = document.entry(*path), document.find(*path[:-1])
    if entry is None or not isinstance(parent, Mapping):
        return None
    absent = [key for key in allowed if key not in parent.entries]
    return respelling(entry.key_place.span, entry.key, absent)


def wrong_value(path: Path, node: Node, kind: str, choices: tuple[str, ...] = ()) -> Fix | None:
    """The fix for the value at `path` that pydantic refused with an error of this kind."""
    if "\n" in node.text or "\r" in node.text:
        return None
    cure = _CURES.get(kind)
    if kind == "literal_error":
        return _choice(node, choices)
    return cure(path, node) if cure else None


def _choice(node: Node, choices: Collection[str]) -> Fix | None:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return respelling(node.span, node.value, choices)
    return None


def _duration(path: Path, node: Node) -> Fix | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    meant = durations.meant(node.value)
    if meant is None:
        return None
    certain = _WITH_UNITS.fullmatch(node.value.strip()) is not None
    if meant.isdigit():
        return replacement(node.span, meant, certain=certain)
    return rewording(node.span, node.value, meant, certain=certain)


def _handler(path: Path, node: Node) -> Fix | None:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    module, dot, function = node.value.rpartition(".")
    if not dot or ":" in node.value:
        return None
    return rewording(node.span, node.value, f"{module}:{function}", certain=False)


def _schedule(path: Path, node: Node) -> Fix | None:
    return _choice(node, schedules.NAMES)


def _timezone(path: Path, node: Node) -> Fix | None:
    return _choice(node, sorted(schedules.known_timezones()))


def _list(path: Path, node: Node) -> Fix | None:
    """`depends_on: a` and `depends_on: a, b` as lists."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or path[-1] != "depends_on":
        return None
    slugs = [slug.strip() for slug in node.value.split(",")]
    if any(broken_rule(slug) for slug in slugs) or (len(slugs) > 1 and not node.plain):
        return None
    return replacement(node.span, f"[{node.text}]")


def _text(path: Path, node: Node) -> Fix | None:
    """A number in quotes, or `map: [a]` without its brackets."""
    if isinstance(node, Scalar) and path[-1] in _PROSE and isinstance(node.value, int | float):
        return replacement(node.span, f'"{node.text}"')
    if isinstance(node, Sequence) and path[-1] == "map" and len(node.items) == 1:
        item = node.items[0]
        in_brackets = node.text.startswith("[")
        return replacement(node.span, item.text) if in_brackets and isinstance(item, Scalar) else None
    return None


def _integer(path: Path, node: Node) -> Fix | None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and _NUMBER.fullmatch(node.value.strip()):
        return replacement(node.span, node.value.strip())
    return None


_CURES: dict[str, Callable[[Path, Node], Fix | None]] = {
    "duration": _duration,
    "handler": _handler,
    "schedule": _schedule,
    "timezone": _timezone,
    "list_type": _list,
    "string_type": _text,
    "int_type": _integer,
}
