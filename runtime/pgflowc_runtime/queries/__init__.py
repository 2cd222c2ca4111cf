"""Every SQL statement of the runtime, as values: a text, its parameters and how to read its rows.

Nothing here talks to a database: `database.py` and `client.py` execute these, async and sync. Each function
is named after the SQL function or table that it uses. Rows are read by column name, since column order
differs between cores. The modules together are the list of what a role needs rights for, and what a new
core must keep.
"""

from pgflowc_runtime.queries.definitions import (
    compare_flow_shapes,
    create_flow_from_shape,
    delete_flow_and_data,
    deps,
    flows,
    lock_definition,
    remove_schedule,
    set_flow_type,
    set_options,
    steps,
)
from pgflowc_runtime.queries.events import EVENTS_CHANNEL, probe, unwatch_events, watch_events
from pgflowc_runtime.queries.foreign_tasks import (
    complete_task,
    fail_task,
    requeue_tasks,
    restore_attempts,
    set_attempts,
    set_vt,
    start_tasks,
    task_attempts,
)
from pgflowc_runtime.queries.installation import capabilities, installed_components, stored_flow
from pgflowc_runtime.queries.managing import (
    cancel_run,
    known_workers,
    prune_data_older_than,
    retry_run,
    waiting_tasks,
)
from pgflowc_runtime.queries.pauses import forget_pause, pause_queue, paused_queues, resume_queue
from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.queries.run_state import (
    flow_input,
    run_status,
    runs,
    runs_by_id,
    step_states,
    step_tasks,
)
from pgflowc_runtime.queries.schedules import (
    pause_schedule,
    resume_schedule,
    schedules,
    start_slots,
    timetable,
    trigger_schedule,
)
from pgflowc_runtime.queries.starting import (
    client_features,
    existing_runs,
    start_flow,
    start_flow_batch,
    start_flow_delayed,
    start_flow_each,
    start_run,
)
from pgflowc_runtime.queries.tasks import (
    READ_TIMEOUT_SECONDS,
    claim_batch,
    finish_batch,
    release_tasks,
    started_tasks,
    task_status,
)
from pgflowc_runtime.queries.worker_life import (
    WAKEUP_CHANNEL,
    announce_wait,
    enable_notify_insert,
    enable_wakeup,
    mark_worker_stopped,
    recover_stalled_tasks,
    requeue_stalled_tasks,
    track_worker_function,
    withdraw_wait,
    workers,
)

__all__ = [
    "EVENTS_CHANNEL",
    "READ_TIMEOUT_SECONDS",
    "WAKEUP_CHANNEL",
    "Query",
    "announce_wait",
    "cancel_run",
    "capabilities",
    "claim_batch",
    "client_features",
    "compare_flow_shapes",
    "complete_task",
    "create_flow_from_shape",
    "delete_flow_and_data",
    "deps",
    "enable_notify_insert",
    "enable_wakeup",
    "existing_runs",
    "fail_task",
    "finish_batch",
    "flow_input",
    "flows",
    "forget_pause",
    "installed_components",
    "known_workers",
    "lock_definition",
    "mark_worker_stopped",
    "pause_queue",
    "pause_schedule",
    "paused_queues",
    "probe",
    "prune_data_older_than",
    "recover_stalled_tasks",
    "release_tasks",
    "remove_schedule",
    "requeue_stalled_tasks",
    "requeue_tasks",
    "restore_attempts",
    "resume_queue",
    "resume_schedule",
    "retry_run",
    "run_status",
    "runs",
    "runs_by_id",
    "schedules",
    "set_attempts",
    "set_flow_type",
    "set_options",
    "set_vt",
    "start_flow",
    "start_flow_batch",
    "start_flow_delayed",
    "start_flow_each",
    "start_run",
    "start_slots",
    "start_tasks",
    "started_tasks",
    "step_states",
    "step_tasks",
    "steps",
    "stored_flow",
    "task_attempts",
    "task_status",
    "timetable",
    "track_worker_function",
    "trigger_schedule",
    "unwatch_events",
    "waiting_tasks",
    "watch_events",
    "withdraw_wait",
    "workers",
]
