"""Runs as they go on: redrawn in place for a person at a terminal, a line for each event elsewhere."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from pgflowc.cli import run_view
from pgflowc_runtime.run_changes import RunEvent
from pgflowc_runtime.run_watcher import BlockingRunWatcher

# Durations of what is going on are drawn anew so often.
_FRAMES_PER_SECOND = 4


def watch(watcher: BlockingRunWatcher, *, as_json: bool) -> None:
    """Show what happens until the watcher comes to its end."""
    console = run_view.console()
    if as_json:
        for event in watcher:
            typer.echo(event_json(event))
    elif console.is_terminal:
        _redraw(watcher, console)
    else:
        for event in watcher:
            console.print(line(event, several=len(watcher.states) > 1), soft_wrap=True)


def line(event: RunEvent, *, several: bool) -> Text:
    """One event; with the run's id if there are `several` runs."""
    at = event.at or datetime.now(UTC)
    text = Text(f"{at.astimezone():%H:%M:%S.%f}"[:-3] + "  ", style="dim")
    if several:
        text.append(f"{event.run_id}  ", style="default")
    what, step = event.name.rpartition(":")[2], event.step
    if event.name == "snapshot":
        text.append(f"{event.run.flow_slug} {event.run.status}", style="bold")
        if not several:
            text.append(f"  run {event.run_id}", style="default")
    elif step is None:
        text.append(f"{event.run.flow_slug} {what}", style=run_view.STYLES.get(what, "default"))
        if event.run.error:
            text.append(f"  {run_view.first_line(event.run.error, 100)}", style="red")
    else:
        text.append(f"{step.step_slug} ", style="default")
        text.append(what, style=run_view.STYLES.get(what, "default"))
        if what == "progress":
            text.append(f"  {_progress(event)}", style="default")
        elif what == "waiting":
            text.append(f"  {run_view.waits(step)}", style="default")
        if step.error:
            text.append(f"  {run_view.first_line(step.error, 100)}", style="red")
    return text


def event_json(event: RunEvent) -> str:
    """One line of JSON: the event, the run without its steps, and the step it is about."""
    return json.dumps(
        {
            "event": event.name,
            "at": event.at,
            "run": dataclasses.asdict(event.run),
            "step": None if event.step is None else dataclasses.asdict(event.step),
        },
        ensure_ascii=False,
        default=run_view.plain,
    )


def _progress(event: RunEvent) -> str:
    assert event.step is not None, "progress is a step's"
    if event.step.kind == "map":
        return f"{event.step.tasks_completed} of {event.step.initial_tasks} tasks"
    return f"attempt {event.step.attempts} of {max(event.step.max_attempts, 1)}"


def _redraw(watcher: BlockingRunWatcher, console: Console) -> None:
    def picture() -> Group:
        now, ascii_only = datetime.now(UTC), not run_view.can_draw()
        return Group(
            *(
                text
                for state in list(watcher.states.values())
                for text in run_view.lines(state, now=now, ascii_only=ascii_only)
            )
        )

    with Live(
        console=console,
        get_renderable=picture,
        refresh_per_second=_FRAMES_PER_SECOND,
        vertical_overflow="visible",
    ) as live:
        for _ in watcher:
            live.refresh()
