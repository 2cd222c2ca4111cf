"""A difference as a comment on a pull request: a table for each flow. Nothing in it is taken for markup."""

from __future__ import annotations

from collections.abc import Iterator

from pgflowc.plan.difference import Difference, FlowDifference
from pgflowc.plan.ops import CreateFlow, DropFlow, OrderSteps, RecreateFlow
from pgflowc.render.differences import words
from pgflowc.render.literals import markdown_text as plain
from pgflowc.render.phases import describe_rollout

# By it a program that comments finds its own comment, to write over it.
MARKER = "<!-- pgflowc diff -->"
_BOLD = ("breaks", "needs drain")


def render(found: Difference) -> str:
    """The comment."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Difference) -> Iterator[str]:
    yield MARKER
    yield f"### Flows: from {plain(found.before)} to {plain(found.after)}"
    yield ""
    for line in words.summary(found):
        yield f"{plain(line)}  "
    for flow in found.flows:
        yield ""
        yield from _flow(flow)
    notes = [note for note in (words.strangers(found), *found.notes) if note]
    if notes:
        yield ""
        yield from (f"- {plain(note)}" for note in notes)


def _flow(flow: FlowDifference) -> Iterator[str]:
    yield f"#### `{flow.mark}` {plain(words.title(flow))}"
    yield ""
    if flow.alive:
        yield f"{plain(words.alive(flow.alive))}"
        yield ""
    yield "| | change | runs |"
    yield "| --- | --- | --- |"
    for line in flow.lines:
        if isinstance(line.op, OrderSteps):
            continue
        what = words.change(line)
        if isinstance(line.op, CreateFlow | DropFlow | RecreateFlow):
            what = line.op.text or "is deleted"
        word, _, rest = words.judgement(line).partition("; ")
        judged = f"**{plain(word)}**" if line.safety in _BOLD else plain(word)
        yield f"| `{line.mark}` | {plain(what)} | {judged}{f'; {plain(rest)}' if rest else ''} |"
    if flow.notes:
        yield ""
        yield from (f"- {plain(note)}" for note in flow.notes)
    if flow.rollout:
        first, *phases = describe_rollout(flow.rollout)
        yield ""
        yield f"{first[:1].upper()}{plain(first[1:])}"
        yield ""
        yield "```text"
        yield from (line.removeprefix("  ") for line in phases)
        yield "```"
