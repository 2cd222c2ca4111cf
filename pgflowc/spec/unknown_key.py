"""A key that the language does not have, or not there: where it belongs, or which one is meant."""

from __future__ import annotations

from pydantic import BaseModel

from pgflowc.diagnostics import Diagnostic, Span
from pgflowc.diagnostics.codes import spec as codes
from pgflowc.document import Document, Path
from pgflowc.spec.model import (
    ApprovalModel,
    CronModel,
    ExtraFieldsModel,
    FlowModel,
    JobModel,
    PerformModel,
    RetentionModel,
    SignalModel,
    StepModel,
    keys_of,
)
from pgflowc_language.words import near_miss, one_of, quote

# Words of other tools for what the spec language calls otherwise.
_OTHER_WORDS = {
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
# In `signal` and `approval` some of them mean something else.
_OTHER_WORDS_OF_SIGNALS = {
    **dict.fromkeys(("timeout", "deadline", "within", "expires", "wait"), "wait_for"),
    **dict.fromkeys(("output", "input", "type", "types", "data", "body"), "payload"),
    **dict.fromkeys(("when_exhausted", "otherwise"), "on_timeout"),
}


def key_span(document: Document, path: Path) -> Span:
    """The place of the key at `path`."""
    entry = document.entry(*path)
    return entry.key_place.span if entry else document.root.span


def unknown_key(document: Document, path: Path) -> Diagnostic:
    """The key at `path` is none of its mapping's: it belongs elsewhere, is misspelt, or another tool's."""
    key = str(path[-1])
    at = key_span(document, path)
    inside = model_at(document, path[:-1])
    allowed = keys_of(inside)
    misplaced = _misplaced(inside.__name__, key)
    if misplaced:
        return Diagnostic(codes.MISPLACED_KEY, misplaced[0], at, help=(misplaced[1],))
    is_signal = issubclass(inside, SignalModel)
    meant = (_OTHER_WORDS_OF_SIGNALS if is_signal else _OTHER_WORDS).get(key.lower())
    meant = meant if meant in allowed else near_miss(key, allowed)
    where = {
        FlowModel: "a flow",
        JobModel: "a job",
        PerformModel: "'perform'",
        StepModel: "a step",
        CronModel: "'cron'",
        RetentionModel: "'retention'",
        ExtraFieldsModel: "'extra_fields'",
        SignalModel: "'signal'",
        ApprovalModel: "'approval'",
    }[inside]
    listed = f"its keys are {one_of(allowed, 'and')}"
    if is_signal:
        listed += "; the fields of what is sent belong into 'payload'"
    return Diagnostic(
        codes.UNKNOWN_KEY,
        f"{where} has no key {quote(key)}",
        at,
        label="unknown key",
        help=(f"did you mean '{meant}'?" if meant else listed,),
    )


def model_at(document: Document, path: Path) -> type[BaseModel]:
    """The model of the mapping at `path`."""
    match path:
        case ():
            return FlowModel if document.find("flow") is not None else JobModel
        case ("cron",):
            return CronModel
        case ("retention",):
            return RetentionModel
        case ("extra_fields",):
            return ExtraFieldsModel
        case ("perform",):
            return PerformModel
        case ("steps", _, "signal") | ("perform", "signal"):
            return SignalModel
        case ("steps", _, "approval"):
            return ApprovalModel
    return StepModel


def _misplaced(model: str, key: str) -> tuple[str, str] | None:
    """Message and help for a key that exists, but not here."""
    match model, key:
        case "JobModel", "steps":
            return (
                "a job has one step, written under 'perform', not 'steps'",
                "write 'flow: NAME' for several steps",
            )
        case "FlowModel", "perform":
            return "'perform' is for jobs, a flow has 'steps'", "write 'job: NAME', or move it under 'steps'"
        case "PerformModel", "depends_on" | "map":
            return (
                f"the one step of a job cannot have '{key}'",
                "write 'flow: NAME' and 'steps' for several steps",
            )
        case "PerformModel", "approval":
            return (
                "a job performs a handler, it cannot be an approval",
                "write 'flow: NAME' and 'steps', or let the handler wait for a 'signal'",
            )
        case "SignalModel", "on_timeout":
            return (
                "'on_timeout' is for approvals: here the handler learns that no signal came",
                "catch SignalTimeout in the handler, or say 'when_exhausted' beside 'signal'",
            )
        case (("StepModel" | "PerformModel"), ("payload" | "wait_for" | "on_timeout")):
            homes = "'signal' or 'approval'" if model == "StepModel" else "'signal'"
            return f"'{key}' is no option of a step", f"move it into {homes}"
        case (("StepModel" | "PerformModel"), "input"):
            return (
                "a step has no 'input' of its own",
                "declare the flow's 'input'; a step gets what it depends on",
            )
        case (("StepModel" | "PerformModel"), "types"):
            return "'types' belong to the flow", "move them beside 'flow' and 'steps'"
        case (
            ("StepModel" | "PerformModel"),
            ("cron" | "retention" | "on_change" | "extra_fields" | "version"),
        ):
            outer = "'flow' and 'steps'" if model == "StepModel" else "'job' and 'perform'"
            return f"'{key}' is no option of a step", f"move it beside {outer}"
        case (
            ("FlowModel" | "JobModel"),
            (
                "depends_on"
                | "map"
                | "handler"
                | "output"
                | "start_delay"
                | "if"
                | "if_not"
                | "when_unmet"
                | "when_exhausted"
                | "isolation"
                | "was"
                | "signal"
                | "approval"
                | "wait_for"
                | "on_timeout"
            ),
        ):
            where = "a step" if model == "FlowModel" else "'perform'"
            return f"'{key}' belongs to {where}, not beside it", f"move it into {where}"
    return None
