"""How runs look: a tree of steps for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from unicodedata import category

from rich.console import Console
from rich.text import Text

from pgflowc_runtime.pages import RunPage
from pgflowc_runtime.rows import Run, RunWithStates, StepState, WaitingTask

STYLES = {
    "completed": "green",
    "failed": "red",
    "started": "yellow",
    "skipped": "dim",
    "created": "dim",
}
# From this column on, the tree of a long chain grows only downwards.
_DEEPEST = 60
_MOST_NAMED = 6
# A run that never got as far shows "waiting" instead of the core's "created".
_SHOWN = {"created": "waiting"}
_A = {"signal": "a signal", "approval": "an approval"}


def as_json(value: object) -> str:
    """Indented JSON of rows, or a sequence of them; a run has its steps within; times in ISO 8601."""
    if isinstance(value, RunWithStates):
        value = {**dataclasses.asdict(value.run), "steps": value.steps}
    elif isinstance(value, RunPage):
        value = value.runs
    return json.dumps(value, indent=2, ensure_ascii=False, default=plain)


def show(state: RunWithStates) -> None:
    """Print a run and its steps."""
    out = console()
    for line in lines(state, now=datetime.now(UTC), ascii_only=not can_draw()):
        out.print(line, soft_wrap=True)


def show_list(runs: Sequence[Run]) -> None:
    """Print runs, one a line."""
    out = console()
    now = datetime.now(UTC)
    width = max(len(run.flow_slug) for run in runs)
    out.print(
        Text(f"{'RUN':<36}  {'FLOW':<{width}}  STATUS     STARTED              TOOK", style="bold"),
        soft_wrap=True,
    )
    for run in runs:
        line = Text(f"{run.run_id}  {run.flow_slug:<{width}}  ")
        line.append(f"{run.status:<9}", style=STYLES[run.status])
        line.append(f"  {_time(run.started_at)}  {_took(run.started_at, _ended(run), now)}")
        if run.error:
            line.append(f"  {first_line(run.error, 80)}", style="red")
        out.print(line, soft_wrap=True)


def show_waiting(tasks: Sequence[WaitingTask]) -> None:
    """Print what waits for signals, a task a line."""
    out = console()
    steps = [f"{task.step_slug} {task.task_index}" if task.task_index else task.step_slug for task in tasks]
    flow, step = max(4, *(len(task.flow_slug) for task in tasks)), max(4, *(len(one) for one in steps))
    head = f"{'RUN':<36}  {'FLOW':<{flow}}  {'STEP':<{step}}  KIND      SINCE                UNTIL"
    out.print(Text(head, style="bold"), soft_wrap=True)
    for task, name in zip(tasks, steps, strict=True):
        line = f"{task.run_id}  {task.flow_slug:<{flow}}  {name:<{step}}  {task.kind:<8}  {_time(task.since)}"
        until = "for ever" if task.until is None else _time(task.until)
        out.print(Text(f"{line}  {until}"), soft_wrap=True)


def lines(state: RunWithStates, *, now: datetime, ascii_only: bool = False) -> Iterator[Text]:
    """The run, its steps as a tree, then its output or error.

    Each step hangs below the latest defined of its dependencies; the others are named beside it.
    """
    run = state.run
    head = Text(f"{run.flow_slug} ", style="bold")
    head.append(run.status, style=STYLES[run.status])
    head.append(f"  {_took(run.started_at, _ended(run), now)}  run {run.run_id}")
    yield head
    rows = list(_tree(state.steps, ascii_only))
    width = max((len(prefix) + len(step.step_slug) for prefix, step, _ in rows), default=0)
    for prefix, step, others in rows:
        line = Text(prefix, style="dim")
        line.append(step.step_slug, style="default")
        line.append(" " * (width - len(prefix) - len(step.step_slug) + 2))
        line.append(f"{_SHOWN.get(step.status, step.status):<9}", style=STYLES[step.status])
        details = list(_details(step, others, _ended(run), now))
        if details:
            line.append("  " + "  ".join(details))
        if step.error:
            line.append(f"  {first_line(step.error, 100)}", style="red")
        yield line
    if run.status == "completed":
        yield Text(f"output {json.dumps(run.output, ensure_ascii=False)}")
    if run.error:
        yield Text("error  ").append(_harmless(run.error.strip()), style="red")


def _tree(steps: Sequence[StepState], ascii_only: bool) -> Iterator[tuple[str, StepState, list[str]]]:
    """Each step with the lines that lead to it and its dependencies other than the one it hangs below."""
    order = {step.step_slug: number for number, step in enumerate(steps)}
    children: dict[str | None, list[StepState]] = {}
    for step in steps:
        parent = max(step.depends_on, key=order.__getitem__, default=None)
        children.setdefault(parent, []).append(step)
    tee, end, bar = ("|- ", "`- ", "|  ") if ascii_only else ("├─ ", "└─ ", "│  ")
    # A stack, not recursion: flows may be chains of hundreds of steps.
    stack = [(step, "", step is children[None][-1]) for step in reversed(children.get(None, []))]
    while stack:
        step, indent, last = stack.pop()
        parent = max(step.depends_on, key=order.__getitem__, default=None)
        yield indent + (end if last else tee), step, [slug for slug in step.depends_on if slug != parent]
        below = children.get(step.step_slug, [])
        deeper = indent + ("   " if last else bar) if len(indent) < _DEEPEST else indent
        stack.extend((child, deeper, child is below[-1]) for child in reversed(below))


def _details(step: StepState, others: list[str], run_ended: datetime | None, now: datetime) -> Iterator[str]:
    if step.started_at is not None and not (step.due and not step.attempts):
        yield _took(step.started_at, step.ended_at or run_ended, now)
    if step.kind == "map" and step.initial_tasks is not None:
        done = "" if step.tasks_completed == step.initial_tasks else f"{step.tasks_completed} of "
        failed = f", {step.tasks_failed} failed" if step.tasks_failed else ""
        yield f"{done}{step.initial_tasks} {'task' if step.initial_tasks == 1 else 'tasks'}{failed}"
    if step.tasks_waiting:
        yield waits(step)
    if step.due:
        yield f"due {_time(step.due)}"
    if step.attempts > 1 or step.status == "failed":
        yield f"attempt {step.attempts} of {max(step.max_attempts, 1)}"
    if step.skip_reason:
        yield step.skip_reason.replace("_", " ")
    if others:
        more = len(others) - _MOST_NAMED
        named = others if more <= 1 else [*others[:_MOST_NAMED], f"{more} more"]
        yield f"also after {', '.join(named)}"


def waits(step: StepState) -> str:
    """What tasks of a step wait for, and until when."""
    kind = "signal" if step.wait is None else step.wait.kind
    several = step.kind == "map"
    text = f"{step.tasks_waiting} waiting for signals" if several else f"waits for {_A[kind]}"
    if step.wait is not None and step.wait.until is not None:
        text += f" until {_time(step.wait.until)}"
    return text


def _time(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def _ended(run: Run) -> datetime | None:
    return run.completed_at or run.failed_at


def _took(began: datetime, ended: datetime | None, now: datetime) -> str:
    text = duration((ended or now) - began)
    return text if ended else f"{text} so far"


def duration(delta: timedelta) -> str:
    """A duration, as short as it makes sense."""
    seconds = max(delta.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"


def first_line(text: str, limit: int) -> str:
    """The first line of a text, of so many characters, harmless to a terminal."""
    line = _harmless(text.strip().partition("\n")[0])
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _harmless(text: str) -> str:
    """Without what would steer a terminal: errors may quote data from anywhere."""
    return "".join(
        repr(character)[1:-1] if category(character) == "Cc" and character not in "\n\t" else character
        for character in text
    )


def plain(value: object) -> object:
    """What JSON has for a row, a time or an id."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def console() -> Console:
    """A console that prints text as it is."""
    return Console(highlight=False, markup=False)


def can_draw() -> bool:
    """Whether the output takes lines and corners."""
    try:
        "├─└│".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
