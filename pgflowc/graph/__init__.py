"""Specs to checked flows: the graph is built, checked and frozen here."""

from __future__ import annotations

from pgflowc.graph.build import build
from pgflowc.graph.model import Condition, Cron, ExtraFields, Flow, FlowOptions, Step, StepOptions
from pgflowc.graph.target import for_target

__all__ = [
    "Condition",
    "Cron",
    "ExtraFields",
    "Flow",
    "FlowOptions",
    "Step",
    "StepOptions",
    "build",
    "for_target",
]
