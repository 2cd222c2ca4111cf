"""How flows of a database look to a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rich.text import Text

from pgflowc.cli.run_view import console, first_line
from pgflowc_language.durations import short
from pgflowc_language.payload_schema import spelled_schema
from pgflowc_runtime.rows import FlowInfo, FlowWithSteps, SignalDeclaration, StepInfo


def show_list(flows: Sequence[FlowInfo]) -> None:
    """Print flows, one a line."""
    width = max(4, *(len(flow.slug) for flow in flows))
    out = console()
    out.print(Text(f"{'FLOW':<{width}}  KIND  ATTEMPTS  DELAY    TIMEOUT", style="bold"), soft_wrap=True)
    for flow in flows:
        delay, timeout = f"{flow.base_delay} s", f"{flow.timeout} s"
        line = f"{flow.slug:<{width}}  {flow.kind:<4}  {flow.max_attempts:<8}  {delay:<7}  {timeout:<7}"
        out.print(Text(f"{line}  {_pause(flow)}".rstrip()), soft_wrap=True)


def show(found: FlowWithSteps) -> None:
    """Print a flow and its steps in order of definition."""
    out = console()
    for text in lines(found):
        out.print(text, soft_wrap=True)


def lines(found: FlowWithSteps) -> Iterator[Text]:
    """The flow, then a line for each step."""
    flow = found.flow
    head = Text(flow.slug, style="bold")
    options = _options(flow.max_attempts, flow.base_delay, flow.timeout, None)
    head.append(f"  {flow.kind}  {', '.join(options)}", style="default")
    yield head
    if flow.paused is not None:
        yield Text(f"  {_pause(flow)}")
    width = max((len(step.slug) for step in found.steps), default=0)
    for step in found.steps:
        details = [*_sources(step, found.depends_on(step.slug)), *_step_options(step)]
        yield Text(f"  {step.slug:<{width}}  {'  '.join(details)}".rstrip())


def _pause(flow: FlowInfo) -> str:
    if flow.paused is None:
        return ""
    reason = f": {first_line(flow.paused.reason, 100)}" if flow.paused.reason else ""
    return f"paused since {flow.paused.since.astimezone():%Y-%m-%d %H:%M}{reason}"


def _sources(step: StepInfo, depends_on: Sequence[str]) -> Iterator[str]:
    if step.kind == "map":
        yield f"map of {depends_on[0] if depends_on else 'the input'}"
    elif depends_on:
        yield f"after {', '.join(depends_on)}"


def _step_options(step: StepInfo) -> Iterator[str]:
    yield from _options(step.max_attempts, step.base_delay, step.timeout, step.start_delay)
    if step.required is not None:
        yield f"if {json.dumps(step.required, ensure_ascii=False)}"
    if step.forbidden is not None:
        yield f"if not {json.dumps(step.forbidden, ensure_ascii=False)}"
    if step.required is not None or step.forbidden is not None:
        yield f"else {step.when_unmet}"
    if step.signal is not None:
        yield _awaited(step.signal)
    if step.when_exhausted != "fail":
        is_approval = step.signal is not None and step.signal.is_approval
        yield f"{'on timeout' if is_approval else 'when exhausted'} {step.when_exhausted}"


def _awaited(signal: SignalDeclaration) -> str:
    payload = spelled_schema(json.dumps(signal.payload_schema))
    span = "for ever" if signal.wait_for is None else f"for {short(signal.wait_for)}"
    return f"{'approval' if signal.is_approval else 'signal'} {payload} {span}"


def _options(
    attempts: int | None, delay: int | None, timeout: int | None, start: int | None
) -> Iterator[str]:
    if attempts is not None:
        yield f"{max(attempts, 1)} {'attempt' if attempts <= 1 else 'attempts'}"
    if delay is not None:
        yield f"base delay {delay} s"
    if timeout is not None:
        yield f"timeout {timeout} s"
    if start is not None:
        yield f"starts {start} s later"
