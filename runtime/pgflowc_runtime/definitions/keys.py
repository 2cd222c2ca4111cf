"""Keys that a mapping of a definition does not have: where they belong, or which one is meant."""

from __future__ import annotations

from collections.abc import Mapping

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
# Words of other tools for what is called otherwise here.
_OTHER_WORDS = {
    "schedule": "cron",
    "keep": "retention", "ttl": "retention", "succeeded": "completed", "cancelled": "failed",
    "tz": "timezone", "zone": "timezone",
    "dependencies": "depends_on", "deps": "depends_on", "needs": "depends_on", "after": "depends_on",
    "requires": "depends_on", "upstream": "depends_on",
    "foreach": "map", "for_each": "map", "over": "map", "items": "map",
    "retries": "max_attempts", "max_retries": "max_attempts", "retry": "max_attempts",
    "attempts": "max_attempts",
    "backoff": "base_delay", "retry_delay": "base_delay",
    "delay": "start_delay", "wait": "start_delay",
    "when": "if", "condition": "if", "unless": "if_not",
    "tasks": "steps", "jobs": "steps",
    "await": "signal", "await_signal": "signal", "event": "signal", "approve": "approval",
}  # fmt: skip
_OTHER_WORDS_OF_SIGNALS = {
    **dict.fromkeys(("timeout", "deadline", "within", "expires", "wait"), "wait_for"),
    **dict.fromkeys(("output", "input", "type", "types", "data", "body"), "payload"),
    **dict.fromkeys(("when_exhausted", "otherwise"), "on_timeout"),
}
_OF_STEPS = frozenset(
    ("depends_on", "map", "handler", "output", "start_delay", "if", "if_not", "when_unmet")
) | {"when_exhausted", "isolation", "was", "signal", "approval", "wait_for", "on_timeout"}


def unknown_key(path: Path, *, is_flow: bool) -> Fault:
    """The fault of a key that its mapping does not have."""
    key, inside = str(path[-1]), _inside(path, is_flow=is_flow)
    if misplaced := _misplaced(inside, key):
        return Fault("PGF107", misplaced[0], path, misplaced[1])
    if key in _COMPILED and inside in (*_ROOTS, *_BODIES, "'extra_fields'"):
        return Fault("PGF103", f"{quote(key)} has no place in a definition at run time", path, _COMPILED[key])
    allowed = _KEYS[inside]
    words = _OTHER_WORDS_OF_SIGNALS if inside in _SIGNALS else _OTHER_WORDS
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


def _misplaced(inside: str, key: str) -> tuple[str, str] | None:
    """Message and help for a key that exists, but not here."""
    match inside, key:
        case "a job", "steps":
            return "a job has one step, written under 'perform', not 'steps'", "define a 'flow' for several"
        case "a flow", "perform":
            return "'perform' is for jobs, a flow has 'steps'", "define a 'job', or move it under 'steps'"
        case "'perform'", "depends_on" | "map":
            return f"the one step of a job cannot have '{key}'", "define a 'flow' for several steps"
        case "'perform'", "approval":
            help = "define a 'flow', or let the handler wait for a 'signal'"
            return "a job performs a handler, it cannot be an approval", help
        case "'signal'", "on_timeout":
            return (
                "'on_timeout' is for approvals: here the handler learns that no signal came",
                "catch SignalTimeout in the handler, or say 'when_exhausted' beside 'signal'",
            )
        case (("a step" | "'perform'"), ("payload" | "wait_for" | "on_timeout")):
            homes = "'signal' or 'approval'" if inside == "a step" else "'signal'"
            return f"'{key}' is no option of a step", f"move it into {homes}"
        case (("a step" | "'perform'"), "input"):
            return "a step has no 'input' of its own", "a step gets what it depends on"
        case (("a step" | "'perform'"), "types"):
            return "'types' belong to the flow", "move them beside 'steps'"
        case (("a step" | "'perform'"), ("cron" | "retention" | "on_change" | "extra_fields" | "version")):
            outer = "'flow' and 'steps'" if inside == "a step" else "'job' and 'perform'"
            return f"'{key}' is no option of a step", f"move it beside {outer}"
    if inside in _ROOTS and key in _OF_STEPS:
        where = "a step" if inside == "a flow" else "'perform'"
        return f"'{key}' belongs to {where}, not beside it", f"move it into {where}"
    return None
