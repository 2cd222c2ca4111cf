"""Slugs: the identifiers of flows, jobs and steps, by the rule of the core (`pgflow.is_valid_slug`)."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

MAX_LENGTH = 128
MAX_FLOW_LENGTH = 47
"""Of the slugs of flows and jobs, which name queues: what pgmq allows."""
RESERVED = frozenset({"run"})
PATTERN = r"[a-zA-Z_][a-zA-Z0-9_]*"
_PATTERN = re.compile(PATTERN)


def broken_rule(slug: str) -> str | None:
    """The rule that `slug` breaks, as the end of a sentence that begins with it; None for a valid slug."""
    if not slug:
        return "is empty"
    if slug in RESERVED:
        return "is a reserved word"
    if len(slug) > MAX_LENGTH:
        return f"has {len(slug)} characters, and at most {MAX_LENGTH} are allowed"
    if _PATTERN.fullmatch(slug):
        return None
    if slug[0] in "0123456789":
        return "begins with a digit"
    odd = next(character for character in slug if not _PATTERN.fullmatch("_" + character))
    return f"holds {'a blank' if odd == ' ' else repr(odd)}"


def mended(slug: str) -> str | None:
    """A valid slug that looks like `slug`, None when there is no obvious one."""
    plain = "".join(c for c in normalize("NFKD", slug[: 2 * MAX_LENGTH]) if not combining(c))
    candidate = re.sub(r"[^a-zA-Z0-9]+", "_", plain).strip("_")[:MAX_LENGTH]
    if candidate and candidate[0].isdigit():
        candidate = "_" + candidate
    return candidate if candidate and broken_rule(candidate) is None else None


def way_out(slug: str) -> str:
    """The help for a slug that breaks a rule."""
    if len(slug) > MAX_LENGTH:
        return "choose a shorter one"
    if slug in RESERVED:
        return "choose another word: 'run' stands for the run's own input in the core"
    better = mended(slug)
    return f"write '{better}'" if better else "choose letters, digits and underscores (ASCII)"
