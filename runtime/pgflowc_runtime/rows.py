"""Rows of the core's tables as frozen values, and the tasks that a claim hands out.

Times are timezone-aware. `input` and `output` are decoded JSON. A long file because it is a list: fields and
what they mean, without logic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue

from pgflowc_runtime.definition_hash import definition_hash

RunStatus = Literal["started", "completed", "failed"]
StepStatus = Literal["created", "started", "completed", "failed", "skipped"]
Unmet = Literal["fail", "skip", "skip-cascade"]
CatchUp = Literal["none", "last", "all"]
Overlap = Literal["allow", "skip"]
SignalKind = Literal["signal", "approval"]
TaskStatus = Literal["queued", "started", "waiting", "completed", "failed", "skipped", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when nothing of a queue is claimed, and why, if somebody has said so."""

    since: datetime
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowInfo:
    """A row of `pgflow.flows`; `base_delay` and `timeout` in seconds, `paused` while its queue is."""

    slug: str
    kind: Literal["flow", "job"]
    max_attempts: int
    base_delay: int
    timeout: int
    created_at: datetime
    paused: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDeclaration:
    """What a step declares of the signal that its tasks wait for: a row of `pgflowc.awaited_signals`.

    `wait_for` is seconds, None: for ever. `is_approval`: the signal completes the step, without a handler.
    """

    step_slug: str
    payload_schema: Mapping[str, Any]
    wait_for: int | None
    is_approval: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """A row of `pgflow.steps`. Options are seconds (`max_attempts` a count); None takes the flow's.

    `required` and `forbidden` are the patterns of `if` and `if_not`, None without a condition. `signal` is
    what its tasks wait for, as far as it is declared.
    """

    flow_slug: str
    slug: str
    kind: Literal["single", "map"]
    index: int
    max_attempts: int | None
    base_delay: int | None
    timeout: int | None
    start_delay: int | None
    required: JsonValue
    forbidden: JsonValue
    when_unmet: Unmet
    when_exhausted: Unmet
    created_at: datetime
    signal: SignalDeclaration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepInfo:
    """A row of `pgflow.deps`: `step_slug` depends on `dep_slug`."""

    flow_slug: str
    step_slug: str
    dep_slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowWithSteps:
    """A flow as the database defines it; the steps in order of definition, which is a topological one."""

    flow: FlowInfo
    steps: tuple[StepInfo, ...]
    deps: tuple[DepInfo, ...]

    def step(self, slug: str) -> StepInfo:
        """The step of that slug; KeyError if the flow has none."""
        for step in self.steps:
            if step.slug == slug:
                return step
        raise KeyError(slug)

    def depends_on(self, slug: str) -> tuple[str, ...]:
        """The steps that this step depends on, by slug."""
        return tuple(dep.dep_slug for dep in self.deps if dep.step_slug == slug)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """A row of `pgflow.workers`: a worker and one queue that it serves.

    `alive`: it has not stopped, and has shown itself within the last 30 s.
    """

    worker_id: UUID
    queue_name: str
    function_name: str
    started_at: datetime
    last_heartbeat_at: datetime
    deprecated_at: datetime | None
    stopped_at: datetime | None
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row of `pgflow.runs`. `output` is an object of leaf steps' outputs, None until the run has completed.

    `error` is the text of the step that failed the run, `cancelled by ROLE` or `cancelled by ROLE: REASON` of
    one that was cancelled, None unless it failed.
    """

    run_id: UUID
    flow_slug: str
    status: RunStatus
    input: JsonValue
    output: JsonValue
    remaining_steps: int
    started_at: datetime
    completed_at: datetime | None
    failed_at: datetime | None
    error: str | None

    @property
    def finished(self) -> bool:
        """Whether the run will not change any more."""
        return self.status != "started"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWait:
    """What tasks of a step wait for without a worker: a signal, or, as an approval, one that completes them.

    `since` is when the first of them began, `until` the earliest of their deadlines, None if they have none.
    """

    kind: SignalKind
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTask:
    """A task of a run that goes on, and waits for a signal: without a worker, or in its handler's place.

    `flow_slug` is the flow as it is stored, `since` when the wait began, `until` its deadline, None if it has
    none.
    """

    run_id: UUID
    flow_slug: str
    step_slug: str
    task_index: int
    kind: SignalKind
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """A row of `pgflow.step_states`, with the step's definition and a count of its tasks.

    `initial_tasks` is None while a map step's size is unknown. `attempts` is the highest attempt of any of
    its tasks; `tasks_completed`, `tasks_failed` and `tasks_waiting` count tasks of that status, and `wait`
    says what the latter wait for. `error` is the step's own error, or the latest failure of a task that is
    being retried. `due` is when its next task may begin, if that is not now: a job that begins later, a
    delay, a retry; only `get_run_with_states` asks for it.
    """

    run_id: UUID
    step_slug: str
    kind: Literal["single", "map"]
    depends_on: tuple[str, ...]
    status: StepStatus
    initial_tasks: int | None
    remaining_tasks: int | None
    remaining_deps: int
    tasks_completed: int
    tasks_failed: int
    attempts: int
    max_attempts: int
    output: JsonValue
    error: str | None
    skip_reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    skipped_at: datetime | None
    tasks_waiting: int = 0
    wait: StepWait | None = None
    due: datetime | None = None

    @property
    def ended_at(self) -> datetime | None:
        """When the step completed, failed or was skipped; None while it may still change."""
        return self.completed_at or self.failed_at or self.skipped_at


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWithStates:
    """A run and the states of its steps, in the order in which the flow defines them."""

    run: Run
    steps: tuple[StepState, ...]

    def step(self, slug: str) -> StepState:
        """The state of that step; KeyError if the flow has none."""
        for state in self.steps:
            if state.step_slug == slug:
                return state
        raise KeyError(slug)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTask:
    """A row of `pgflow.step_tasks`. `attempts` counts claims; `error` is the latest failure's text."""

    run_id: UUID
    step_slug: str
    task_index: int
    status: TaskStatus
    attempts: int
    output: JsonValue
    error: str | None
    message_id: int | None
    worker_id: UUID | None
    queued_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingRun:
    """What a run id that is to be used names already: `same` if it is the same flow and input."""

    flow_slug: str
    input: str
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVersion:
    """A version of a flow: `name` is what people call it, `flow_slug` what is stored."""

    name: str
    version: int
    flow_slug: str
    is_current: bool
    alive_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFeatures:
    """The functions beyond the contract that a client's database has.

    `sends_notifications`: whoever asks for a run's events hears of them by NOTIFY.
    """

    has_start_run: bool
    has_start_flow_batch: bool
    has_delay_run: bool
    has_schedules: bool
    has_pauses: bool
    has_prune_runs: bool
    has_retention: bool
    has_signals: bool
    has_traces: bool
    has_versions: bool
    sends_notifications: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTask:
    """A task that a worker has claimed. `argument` is the JSON text of what its handler gets.

    `attempt` counts from 1. The triple of worker, attempt and status is what proves, later, that the task is
    still ours.
    """

    flow_slug: str
    run_id: UUID
    step_slug: str
    task_index: int
    argument: str
    message_id: int
    attempt: int
    worker_id: UUID

    def __str__(self) -> str:
        index = f"[{self.task_index}]" if self.task_index else ""
        return f"{self.flow_slug}.{self.step_slug}{index} of run {self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What a handler's look for its signal found: `payload` is JSON text, `seconds_left` the time until the
    deadline, None without one. `over`: the task is not ours any more.
    """

    status: Literal["received", "waiting", "expired", "over"]
    payload: str
    seconds_left: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStep:
    """A step as the database defines it, with the flow's options where it has none of its own (seconds)."""

    slug: str
    kind: Literal["single", "map"]
    depends_on: tuple[str, ...]
    max_attempts: int
    timeout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDifference:
    """A step whose declaration of a signal is another one; None: there is none."""

    step_slug: str
    was: SignalKind | None
    becomes: SignalKind | None

    @property
    def changes_handler(self) -> bool:
        """Whether the step loses its handler, or gets one."""
        return (self.was == "approval") != (self.becomes == "approval")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFlow:
    """A flow as the database defines it: its row, `steps` in the order of definition, and their rows, each
    with the steps it waits for.
    """

    row: Mapping[str, Any]
    steps: tuple[StoredStep, ...]
    rows: tuple[tuple[Mapping[str, Any], Sequence[str]], ...]

    def definition_hash(self, kind: str) -> str:
        """Its hash, as generated code states it; `kind` counts where the core tells no jobs from flows."""
        return definition_hash(self.row.get("flow_type") or kind, self.row, self.rows)


@dataclass(frozen=True, slots=True)
class Look:
    """What `pgflowc.announce_wait` saw.

    `writers_in_flight`: someone may have inserted before we were seen waiting, so look again soon.
    `next_due`: seconds until the earliest invisible message is due, 0.0 if one is visible now, None if there
    is none.
    """

    writers_in_flight: bool
    next_due: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a database has. `server_version` is 180001 for 18.1.

    `versions_recorded`: there is a table that says which versions of our components are installed.
    `tells_flows`: changes of definitions are notified.
    `start_names_queue`: the core's only claim takes the queue's name as its fourth argument.
    `lacking`: what no worker can do without and early cores of others have not.
    """

    server_version: int
    core_installed: bool
    versions_recorded: bool
    start_names_queue: bool
    has_batches: bool
    has_release: bool
    has_wakeup: bool
    has_pgmq_notify: bool
    has_recover: bool
    has_requeue: bool
    has_schedules: bool
    has_retention: bool = False
    tells_flows: bool = False
    has_next_due: bool = False
    has_signals: bool = False
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule that may start runs: not paused, of a flow that exists. `keeper` is who fires it."""

    flow_slug: str
    schedule: str
    timezone: str
    catch_up: CatchUp
    settled_until: datetime
    keeper: Literal["worker", "pg_cron"] = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """What a scheduler knows of its database. `leads`, `deputizes`: this look made it leader, deputy.
    The server runs since `up_since`.
    """

    leads: bool
    deputizes: bool = False
    now: datetime
    up_since: datetime
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleInfo:
    """A row of `pgflowc.schedules`, and the last run that it started: None if there is none, the status also
    if the run is deleted. Without its flow a schedule does nothing.

    `keeper` is who fires it. A job of pg_cron that a migration made has no row (`recorded`): of its input and
    runs nothing is known here, and it is not `active` while it is paused.
    """

    flow_slug: str
    schedule: str
    timezone: str
    input: JsonValue
    catch_up: CatchUp
    overlap: Overlap
    paused_at: datetime | None
    settled_until: datetime
    flow_exists: bool
    last_slot: datetime | None
    last_run_id: UUID | None
    last_status: RunStatus | None
    keeper: Literal["worker", "pg_cron"] = "worker"
    active: bool = True
    recorded: bool = True
