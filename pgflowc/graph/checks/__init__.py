"""The faults that a parsed spec can still have, one file per fault. A check reports; it changes and decides
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgflowc.diagnostics import Report
from pgflowc.graph.checks import (
    approval,
    condition,
    cron_input,
    crowded_schedule,
    cycle,
    duplicate_flow,
    endless_type,
    former_slug,
    map_source,
    map_type,
    python_class,
    queue_name,
    repeated_dependency,
    retry_delay,
    self_dependency,
    signal_in_process,
    timing,
    type_name,
    unknown_dependency,
    unreachable,
    unused_type,
)
from pgflowc.graph.draft import Draft

_FLOW_CHECKS = (
    queue_name,
    unknown_dependency,
    self_dependency,
    repeated_dependency,
    cycle,
    former_slug,
    map_source,
    map_type,
    approval,
    signal_in_process,
    type_name,
    python_class,
    endless_type,
    unused_type,
    cron_input,
    condition,
    unreachable,
    retry_delay,
    timing,
    crowded_schedule,
)


def check_flow(draft: Draft, report: Report) -> None:
    """Every check that looks at one flow."""
    for check in _FLOW_CHECKS:
        check.check(draft, report)


def check_project(drafts: Sequence[Draft], report: Report) -> set[Draft]:
    """Every check that compares flows; returns those that must not be compiled."""
    return duplicate_flow.check(drafts, report)
