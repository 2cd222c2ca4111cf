"""The words that a difference has in every format for people: the runs alive, the summary."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from pgflowc.plan.alive import AliveRuns
from pgflowc.plan.difference import Difference, FlowDifference, Line
from pgflowc.render.literals import one_line

# Terraform's words for its marks, in the order in which they are counted.
_FLOWS = (
    ("+", "to create"),
    ("~", "to change"),
    ("-", "to delete"),
    ("-/+", "to recreate"),
    ("!", "drifted"),
)
_WORDS = ("safe", "new version", "new attempts only", "needs drain", "breaks runs", "see pgflowc breaking")
_MOST_STEPS = 6
# A database may have a flow for each tenant.
_MOST_STRANGERS = 20


def title(flow: FlowDifference) -> str:
    """`flow order (flows/order.yaml)`."""
    stored = f"stored as {flow.stored}" if flow.stored != flow.name else ""
    places = ", ".join(filter(None, [one_line(flow.source or ""), stored]))
    return f"{flow.kind} {flow.name}{f' ({places})' if places else ''}"


def change(line: Line) -> str:
    """`step charge: timeout 30 -> 60`."""
    op = line.op
    return one_line(f"{op.subject}{f': {op.text}' if op.text else ''}")


def judgement(line: Line) -> str:
    """`breaks 3 runs; deletes what finished runs kept of it`."""
    return one_line("; ".join(filter(None, [line.word, line.detail])))


def alive(runs: AliveRuns) -> str:
    """`3 runs alive, the oldest for 2 h, at charge 2, mail 1`."""
    if not runs.count:
        return "no runs alive"
    parts = [f"{counted(runs.count, 'run')} alive"]
    if runs.oldest and runs.now:
        parts.append(f"the oldest for {age(runs.now - runs.oldest)}")
    at = sorted(runs.steps.items(), key=lambda pair: (-pair[1], pair[0]))
    if at:
        more = f" and {len(at) - _MOST_STEPS} more steps" if len(at) > _MOST_STEPS else ""
        parts.append(f"at {', '.join(f'{slug} {count}' for slug, count in at[:_MOST_STEPS])}{more}")
    return ", ".join(parts)


def strangers(found: Difference) -> str:
    """`2 flows of the database without a spec here, left alone: a, b`; nothing for none."""
    names = found.strangers
    if not names:
        return ""
    more = f" and {len(names) - _MOST_STRANGERS} more" if len(names) > _MOST_STRANGERS else ""
    told = f"{', '.join(names[:_MOST_STRANGERS])}{more}"
    return f"{counted(len(names), 'flow')} of the database without a spec here, left alone: {told}"


def summary(found: Difference) -> list[str]:
    """How many flows differ in which way, and how many operations have which word; nothing for none."""
    if not found.flows:
        return [f"No difference: {found.before} and {found.after} have the same flows."]
    marks: Counter[str] = Counter(flow.mark for flow in found.flows)
    flows = ", ".join(f"{marks[mark]} {word}" for mark, word in _FLOWS if marks[mark])
    lines = list(found.lines)
    words = Counter("breaks runs" if line.safety == "breaks" else line.word for line in lines)
    kinds = ", ".join(f"{words[word]} {word}" for word in _WORDS if words[word])
    drift = sum(line.drift is not None for line in lines)
    broken = sum(flow.alive.broken_by_any for flow in found.flows if flow.alive)
    return [
        f"{counted(len(found.flows), 'flow')} {'differs' if len(found.flows) == 1 else 'differ'}: {flows}",
        f"{counted(len(lines), 'operation')}: {kinds}"
        + (f"; {drift} of drift" if drift else "")
        + (f"; {counted(broken, 'run')} alive would break" if broken else ""),
    ]


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def age(time: timedelta) -> str:
    """How long that is, in its largest unit: `45 s`, `3 h`, `12 days`."""
    seconds = max(int(time.total_seconds()), 0)
    for unit, size in (("min", 60), ("h", 3600), ("days", 86400)):
        limit = {"min": 3600, "h": 2 * 86400, "days": 0}[unit]
        if seconds < 60:
            break
        if seconds < limit or not limit:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
