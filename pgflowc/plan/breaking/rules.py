"""The rules by name: which code each has, and what a breach of it breaks."""

from __future__ import annotations

from pgflowc.diagnostics import Code
from pgflowc.diagnostics.codes import breaking as codes
from pgflowc.plan.breaking.level import Category

_ALL: tuple[Category, ...] = ("SOURCE", "HANDLER", "WIRE", "INFLIGHT")

# What a breach of each rule breaks at most; a finding may break less.
RULES: dict[str, tuple[Code, tuple[Category, ...]]] = {
    "FLOW_NO_DELETE": (codes.FLOW_NO_DELETE, ("SOURCE", "WIRE", "INFLIGHT")),
    "STEP_NO_DELETE": (codes.STEP_NO_DELETE, _ALL),
    "STEP_NO_REORDER": (codes.STEP_NO_REORDER, ("WIRE",)),
    "DEPENDENCIES_SAME": (codes.DEPENDENCIES_SAME, ("HANDLER", "INFLIGHT")),
    "TYPE_SAME": (codes.TYPE_SAME, ("HANDLER", "WIRE", "INFLIGHT")),
    "MAP_SOURCE_SAME": (codes.MAP_SOURCE_SAME, ("HANDLER", "INFLIGHT")),
    "INPUT_FIELD_NO_DELETE": (codes.INPUT_FIELD_NO_DELETE, _ALL),
    "INPUT_FIELD_NO_NEW_REQUIRED": (codes.INPUT_FIELD_NO_NEW_REQUIRED, ("SOURCE", "WIRE", "INFLIGHT")),
    "INPUT_FIELD_SAME_TYPE": (codes.INPUT_FIELD_SAME_TYPE, _ALL),
    "OUTPUT_FIELD_NO_DELETE": (codes.OUTPUT_FIELD_NO_DELETE, _ALL),
    "OUTPUT_FIELD_NO_NEW_REQUIRED": (codes.OUTPUT_FIELD_NO_NEW_REQUIRED, _ALL),
    "OUTPUT_FIELD_SAME_TYPE": (codes.OUTPUT_FIELD_SAME_TYPE, _ALL),
    "CONDITION_SAME": (codes.CONDITION_SAME, ("INFLIGHT",)),
    "TIMEOUT_NO_SHRINK": (codes.TIMEOUT_NO_SHRINK, ("INFLIGHT",)),
    "SCHEDULE_SAME": (codes.SCHEDULE_SAME, ("INFLIGHT",)),
    "KIND_SAME": (codes.KIND_SAME, ("SOURCE",)),
}
