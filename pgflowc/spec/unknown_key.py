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
from pgflowc_language.keys import OTHER_WORDS, OTHER_WORDS_OF_SIGNALS, misplaced
from pgflowc_language.words import near_miss, one_of, quote

_NAMES = {
    FlowModel: "a flow",
    JobModel: "a job",
    PerformModel: "'perform'",
    StepModel: "a step",
    CronModel: "'cron'",
    RetentionModel: "'retention'",
    ExtraFieldsModel: "'extra_fields'",
    SignalModel: "'signal'",
    ApprovalModel: "'approval'",
}
"""What mappings are called in messages."""


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
    where = _NAMES[inside]
    if wrong := misplaced(where, key):
        return Diagnostic(codes.MISPLACED_KEY, wrong[0], at, help=(wrong[1],))
    is_signal = issubclass(inside, SignalModel)
    meant = (OTHER_WORDS_OF_SIGNALS if is_signal else OTHER_WORDS).get(key.lower())
    meant = meant if meant in allowed else near_miss(key, allowed)
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
