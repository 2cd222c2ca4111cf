"""Keys that do not stand where they belong, and what other tools call those that do."""

from __future__ import annotations

OTHER_WORDS = {
    "name": "flow", "id": "flow", "slug": "flow", "workflow": "flow",
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
    "returns": "output", "result": "output", "args": "input", "params": "input", "payload": "input",
    "run": "handler", "uses": "handler", "function": "handler",
    "tasks": "steps", "jobs": "steps", "title": "description",
    "await": "signal", "await_signal": "signal", "event": "signal", "approve": "approval",
}  # fmt: skip
"""Words of other tools for what the language calls otherwise."""

OTHER_WORDS_OF_SIGNALS = {
    **dict.fromkeys(("timeout", "deadline", "within", "expires", "wait"), "wait_for"),
    **dict.fromkeys(("output", "input", "type", "types", "data", "body"), "payload"),
    **dict.fromkeys(("when_exhausted", "otherwise"), "on_timeout"),
}
"""What some of them mean in `signal` and `approval`."""

HANDLER_KEYS = (
    *("map", "signal", "handler", "isolation", "output", "when_exhausted"),
    *("max_attempts", "base_delay", "timeout", "start_delay"),
)
"""The keys of a step that say something about a handler and its tries, so an approval has none of them."""

_OF_STEPS = frozenset(
    ("depends_on", "map", "handler", "output", "start_delay", "if", "if_not", "when_unmet")
) | {"when_exhausted", "isolation", "was", "signal", "approval", "wait_for", "on_timeout"}


def misplaced(inside: str, key: str) -> tuple[str, str] | None:
    """Message and help for a key that exists, but not here. `inside` is what the mapping is called: a flow,
    a job, a step, 'perform', 'signal', ...
    """
    match inside, key:
        case "a job", "steps":
            return (
                "a job has one step, written under 'perform', not 'steps'",
                "make it a 'flow' for several steps",
            )
        case "a flow", "perform":
            return "'perform' is for jobs, a flow has 'steps'", "make it a 'job', or move it under 'steps'"
        case "'perform'", "depends_on" | "map":
            return f"the one step of a job cannot have '{key}'", "make it a 'flow' for several steps"
        case "'perform'", "approval":
            help = "make it a 'flow', or let the handler wait for a 'signal'"
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
            return "a step has no 'input' of its own", "'input' is the flow's; a step gets what it depends on"
        case (("a step" | "'perform'"), "types"):
            return "'types' belong to the flow", f"move them beside {_outer(inside)}"
        case (("a step" | "'perform'"), ("cron" | "retention" | "on_change" | "extra_fields" | "version")):
            return f"'{key}' is no option of a step", f"move it beside {_outer(inside)}"
    if inside in ("a flow", "a job") and key in _OF_STEPS:
        where = "a step" if inside == "a flow" else "'perform'"
        return f"'{key}' belongs to {where}, not beside it", f"move it into {where}"
    return None


def _outer(inside: str) -> str:
    return "'flow' and 'steps'" if inside == "a step" else "'job' and 'perform'"
