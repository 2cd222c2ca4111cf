"""Live progress of runs: redrawn in place on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from pgflowc_runtime import Client, RunWithStates, StepState
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

MARKS = {"created": ("·", "dim"), "started": ("●", "yellow"), "completed": ("✔", "green")}
MARKS |= {"failed": ("✘", "bold red"), "skipped": ("-", "dim")}
LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Watched:
    """A run to watch: what to call it, and the project whose database it is in."""

    name: str
    project: str
    run_id: str


class Board:
    """Watches runs until they end. A run whose output names a `mail_run_id` brings that run in as well."""

    def __init__(self, console: Console, clients: Mapping[str, Client]) -> None:
        self._console = console
        self._clients = clients
        self._began = time.monotonic()
        self._said: dict[tuple[str, str], str] = {}

    def watch(self, runs: list[Watched], give_up: Callable[[], bool]) -> bool:
        """Show progress until all runs have ended or `give_up()`: have all completed?"""
        watched = list(runs)
        if self._console.is_terminal:
            with Live(console=self._console, auto_refresh=False) as live:
                states = self._until_ended(watched, give_up, live)
        else:
            states = self._until_ended(watched, give_up, None)
        for run, state in zip(watched, states, strict=True):
            if state.run.status != "completed":
                outcome = f"failed: {state.run.error}" if state.run.status == "failed" else "still going"
                self._console.print(f"{run.name}: {outcome}", style="red", markup=False, soft_wrap=True)
        return all(state.run.status == "completed" for state in states)

    def _until_ended(
        self, watched: list[Watched], give_up: Callable[[], bool], live: Live | None
    ) -> list[RunWithStates]:
        while True:
            states = [self._clients[run.project].get_run_with_states(UUID(run.run_id)) for run in watched]
            if live:
                live.update(self._picture(watched, states), refresh=True)
            else:
                self._say_changes(watched, states)
            more = [
                Watched(f"mail for {run.name}", run.project, mail)
                for run, state in zip(watched, states, strict=True)
                if (mail := _mail_run(state)) and all(mail != other.run_id for other in watched)
            ]
            if give_up() or (not more and all(state.run.finished for state in states)):
                return states
            watched += more
            time.sleep(LOOK_EVERY_SECONDS)

    def _picture(self, watched: list[Watched], states: list[RunWithStates]) -> RenderableType:
        steps, others = Table.grid(padding=(0, 2)), Table.grid(padding=(0, 2))
        # Fixed, so that nothing moves sideways while texts grow and shrink.
        steps.add_column(width=26)
        others.add_column(no_wrap=True, min_width=max(len(run.name) for run in watched))
        others.add_column(no_wrap=True, overflow="ellipsis")
        for run, state in zip(watched, states, strict=True):
            if len(state.steps) > 5:
                for step in state.steps:
                    total = step.initial_tasks or 1
                    done = total if step.status == "completed" else step.tasks_completed
                    steps.add_row(
                        _step(step), ProgressBar(total=total, completed=done, width=30), f"{done}/{total}"
                    )
            else:
                others.add_row(Text(run.name, "bold"), Text("  ").join(_step(step) for step in state.steps))
        seconds = Text(f"{time.monotonic() - self._began:.1f} s", "dim")
        return Group("", Text(watched[0].name, "bold"), steps, "", others, seconds)

    def _say_changes(self, watched: list[Watched], states: list[RunWithStates]) -> None:
        for run, state in zip(watched, states, strict=True):
            for step in state.steps:
                text = _step(step).plain
                if step.status != "created" and self._said.get((run.name, step.step_slug)) != text:
                    self._said[run.name, step.step_slug] = text
                    seconds = time.monotonic() - self._began
                    self._console.print(f"{seconds:6.1f} s  {run.name}: {text}", markup=False, soft_wrap=True)


def _mail_run(state: RunWithStates) -> str | None:
    output = state.run.output
    confirmed = output.get("confirm") if isinstance(output, dict) else None
    return str(confirmed["mail_run_id"]) if isinstance(confirmed, dict) else None


def _step(step: StepState) -> Text:
    """A step in a few words: its mark, its slug, and what is worth knowing about its tasks."""
    mark, style = MARKS[step.status]
    words = f"{mark} {step.step_slug}"
    if step.kind == "map" and step.initial_tasks is not None and step.status == "completed":
        words += f" ({step.initial_tasks} tasks)"
    if step.attempts > 1 and step.status == "completed":
        words += f" (attempt {step.attempts})"
    elif step.status == "started" and step.error:
        reason = step.error.splitlines()[0]
        words += f" (attempt {step.attempts} of {step.max_attempts}; last error: {reason})"
    return Text(words, style)
