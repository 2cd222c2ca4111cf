"""A difference for a terminal: a block for each flow, a line for each operation, and a summary."""

from __future__ import annotations

from collections.abc import Iterator

from pgflowc.plan.difference import Difference, FlowDifference
from pgflowc.plan.ops import CreateFlow, DropFlow, OrderSteps, RecreateFlow
from pgflowc.render.differences import words
from pgflowc.render.literals import one_line
from pgflowc.render.phases import describe_rollout

_RESET = "\x1b[0m"
_COLORS = {
    "+": "\x1b[32m",
    "~": "\x1b[33m",
    "-": "\x1b[31m",
    "-/+": "\x1b[31m",
    "!": "\x1b[35m",
    "breaks": "\x1b[1;31m",
    "needs drain": "\x1b[33m",
    "head": "\x1b[1m",
    "note": "\x1b[36m",
}


def render(found: Difference, *, color: bool = False) -> str:
    """The difference from `found.before` to `found.after`, ready to print."""
    return "".join(f"{line}\n" for line in _lines(found, _Paint(color)))


class _Paint:
    def __init__(self, on: bool) -> None:
        self._on = on

    def __call__(self, style: str, text: str) -> str:
        return f"{_COLORS[style]}{text}{_RESET}" if self._on and style in _COLORS else text


def _lines(found: Difference, paint: _Paint) -> Iterator[str]:
    if found.flows:
        yield paint("head", f"From {found.before} to {found.after}:")
        yield ""
    for flow in found.flows:
        yield from _flow(flow, paint)
        yield ""
    yield from words.summary(found)
    for note in filter(None, (words.strangers(found), *found.notes)):
        yield paint("note", f"note: {one_line(note)}")


def _flow(flow: FlowDifference, paint: _Paint) -> Iterator[str]:
    marked = paint(flow.mark, f"{flow.mark:<3}")
    yield f"{marked} {paint('head', words.title(flow))}{f': {words.alive(flow.alive)}' if flow.alive else ''}"
    named: tuple[str, ...] = ()
    for line in flow.lines:
        if isinstance(line.op, OrderSteps):
            continue
        judged = f"({words.judgement(line)})"
        # What is done to the whole flow is said in the title.
        what = words.change(line)
        if isinstance(line.op, CreateFlow):
            what = line.op.text
        elif isinstance(line.op, DropFlow):
            what = "is deleted"
        elif isinstance(line.op, RecreateFlow):
            what = "is deleted and created anew"
        yield f"      {paint(line.mark, f'{line.mark:<3}')} {what} {paint(line.safety, judged)}"
        if line.examples and line.examples[:1] != named:
            yield f"          {paint('note', f'the oldest of them: {line.examples[0]}')}"
            named = line.examples[:1]
        if isinstance(line.op, RecreateFlow):
            yield from (f"              {one_line(change)}" for change in line.op.changes)
    yield from (f"      {paint('note', f'note: {one_line(note)}')}" for note in flow.notes)
    if flow.rollout:
        yield from (f"      {line}" for line in describe_rollout(flow.rollout))
