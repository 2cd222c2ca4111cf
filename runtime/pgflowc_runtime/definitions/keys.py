"""Keys that a mapping of a definition does not have: where they belong, or which one is meant."""

from __future__ import annotations

from collections.abc import Mapping

from pgflowc_language.keys import OTHER_WORDS, OTHER_WORDS_OF_SIGNALS, misplaced
from pgflowc_language.words import near_miss, one_of, quote
from pgflowc_runtime.definitions.fault import Fault, Path

_OPTIONS = ("max_attempts", "base_delay", "timeout")
_BODY = ("start_delay", "if", "if_not", "when_unmet", "when_exhausted", *_OPTIONS, "signal")
_AROUND = (*_OPTIONS, "extra_fields", "cron", "retention", "types")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "a flow": ("flow", "steps", *_AROUND),
    "a job": ("job", "perform", *_AROUND),
    "a step": ("depends_on", "map", "approval", *_BODY),
    "'perform'": ("step", *_BODY),
    "'cron'": ("schedule", "timezone", "input", "catch_up", "overlap"),
    "'retention'": ("completed", "failed"),
    "'extra_fields'": ("in",),
    "'signal'": ("payload", "wait_for"),
    "'approval'": ("payload", "wait_for", "on_timeout"),
}
"""What each kind of mapping may hold."""
_BODIES = ("a step", "'perform'")
_ROOTS = ("a flow", "a job")
_SIGNALS = ("'signal'", "'approval'")

# Keys of specs that have no use here, and what does it instead.
_OF_SPECS = "it is for specs"
_COMPILED: Mapping[str, str] = {
    **dict.fromkeys(("description", "version"), _OF_SPECS),
    "on_change": "allow_data_loss=True lets upsert_flow delete runs",
    **dict.fromkeys(("input", "output"), "types of inputs and outputs are for generated code"),
    "handler": "workers choose handlers by the slugs of steps: registry.serve_pattern",
    "isolation": "it goes with the handler: registry.serve_pattern(..., isolation={...})",
    "was": "steps are not renamed at run time",
    "out": "outputs have no types here: say 'in'",
}


def unknown_key(path: Path, *, is_flow: bool) -> Fault:
    """The fault of a key that its mapping does not have."""
    key, inside = str(path[-1]), _inside(path, is_flow=is_flow)
    if wrong := misplaced(inside, key):
        return Fault("PGF107", wrong[0], path, wrong[1])
    if key in _COMPILED and inside in (*_ROOTS, *_BODIES, "'extra_fields'"):
        return Fault("PGF103", f"{quote(key)} has no place in a definition at run time", path, _COMPILED[key])
    allowed = _KEYS[inside]
    words = OTHER_WORDS_OF_SIGNALS if inside in _SIGNALS else OTHER_WORDS
    meant = words.get(key.lower())
    meant = meant if meant in allowed else near_miss(key, allowed)
    listed = f"its keys are {one_of(allowed, 'and')}" if len(allowed) > 1 else f"its key is {allowed[0]}"
    if inside in _SIGNALS:
        listed += "; the fields of what is sent belong into 'payload'"
    help = f"did you mean '{meant}'?" if meant else listed
    return Fault("PGF103", f"{inside} has no key {quote(key)}", path, help)


def _inside(path: Path, *, is_flow: bool) -> str:
    match path[:-1]:
        case ():
            return "a flow" if is_flow else "a job"
        case ("cron" | "retention" | "extra_fields" as word,):
            return f"'{word}'"
        case ("perform",):
            return "'perform'"
        case ("steps", _, "signal" | "approval" as word) | ("perform", "signal" as word):
            return f"'{word}'"
    return "a step"
