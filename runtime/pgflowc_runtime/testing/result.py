"""What a test learns about a run."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import JsonValue

from pgflowc_runtime.rows import Run, RunStatus, StepState, StepTask


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunResult:
    """A run as it is in the database: its row, its steps in the order of definition, and all their tasks.

    `waited`: the seconds of delays (retries, start delays) that were passed over rather than waited for.
    """

    run: Run
    steps: tuple[StepState, ...]
    tasks: tuple[StepTask, ...]
    waited: float

    @property
    def run_id(self) -> UUID:
        """The run's id."""
        return self.run.run_id

    @property
    def status(self) -> RunStatus:
        """`completed` or `failed`; `started` if it was run for a part of its time only."""
        return self.run.status

    @property
    def output(self) -> JsonValue:
        """The run's output: an object of the leaf steps' outputs, None until it has completed."""
        return self.run.output

    @property
    def error(self) -> str | None:
        """Why the run failed."""
        return self.run.error

    @property
    def outputs(self) -> dict[str, JsonValue]:
        """The output of each completed step; that of a map step is an array."""
        return {state.step_slug: state.output for state in self.steps if state.status == "completed"}

    @property
    def attempts(self) -> dict[str, int]:
        """The attempts of each step that was begun; of a map step, those of the task with the most."""
        return {state.step_slug: state.attempts for state in self.steps if state.attempts}

    @property
    def skipped(self) -> dict[str, str | None]:
        """The steps that were skipped, and why."""
        return {state.step_slug: state.skip_reason for state in self.steps if state.status == "skipped"}

    def __repr__(self) -> str:
        # An assertion that fails shows it: in a line or two, what became of which step.
        head = f"{self.run.flow_slug} {self.status}"
        if self.error:
            head += f": {self.error.partition(chr(10))[0]}"
        return f"<RunResult {head} ({', '.join(map(_brief, self.steps))})>"

    def step(self, slug: str) -> StepState:
        """The state of that step; KeyError if the flow has none."""
        for state in self.steps:
            if state.step_slug == slug:
                return state
        raise KeyError(slug)


def _brief(state: StepState) -> str:
    attempts = f" in {state.attempts} attempts" if state.attempts > 1 else ""
    return f"{state.step_slug} {state.status}{attempts}"
