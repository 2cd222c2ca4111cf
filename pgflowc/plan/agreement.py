"""Two shapes that say the same in other words: JSON texts of equal values, zones of pg_cron, the order of
what is a set.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pgflowc.plan.shape import CronShape, FlowShape, SignalShape, StepShape
from pgflowc_language.schedules import UTC_NAMES


def agreed(shape: FlowShape, other: FlowShape, *, kinds: bool = True, schedules: bool = True) -> FlowShape:
    """`shape`, in the words of `other` wherever it means the same.

    Without `kinds` one of both does not tell jobs from flows, and that is no difference; without `schedules`
    neither is when runs start by themselves, how long they are kept, and what steps wait for.
    """
    if not schedules:
        shape = replace(shape, cron=other.cron, retention=other.retention)
    steps = {step.slug: step for step in other.steps}
    return replace(
        shape,
        kind=shape.kind if kinds else other.kind,
        steps=tuple(
            _step(step, steps[step.slug], signals=schedules) if step.slug in steps else step
            for step in shape.steps
        ),
        cron=_cron(shape.cron, other.cron) if shape.cron and other.cron else shape.cron,
    )


def _step(step: StepShape, other: StepShape, *, signals: bool) -> StepShape:
    same = set(step.depends_on) == set(other.depends_on)
    return replace(
        step,
        depends_on=other.depends_on if same else step.depends_on,
        required=_text(step.required, other.required),
        forbidden=_text(step.forbidden, other.forbidden),
        signal=_signal(step.signal, other.signal) if signals else other.signal,
    )


def _signal(signal: SignalShape | None, other: SignalShape | None) -> SignalShape | None:
    if signal is None or other is None:
        return signal
    return replace(signal, payload=_text(signal.payload, other.payload) or signal.payload)


def _cron(cron: CronShape, other: CronShape) -> CronShape:
    # pg_cron keeps no name of a time zone: its schedules are in UTC, whatever the spec calls that.
    is_utc = cron.is_job and other.is_job and {cron.timezone, other.timezone} <= UTC_NAMES
    timezone = other.timezone if is_utc else cron.timezone
    return replace(cron, timezone=timezone, input=_text(cron.input, other.input) or cron.input)


def _text(text: str | None, other: str | None) -> str | None:
    if text is None or other is None or text == other:
        return text
    return other if _equal(json.loads(text), json.loads(other)) else text


def _equal(one: Any, two: Any) -> bool:
    """Whether two JSON values are the same to PostgreSQL: numbers by value, true is not 1."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_equal(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_equal, one, two))
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    return bool(one == two)
