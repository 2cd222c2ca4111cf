"""Every SQL statement of the runtime, as values: a text, its parameters and how to read its rows.

Nothing here talks to a database: `database.py` and `client.py` execute these, async and sync. Each function
is named after the SQL function or table that it uses. Rows are read by column name, since column order
differs between cores. The modules together are the list of what a role needs rights for, and what a new
core must keep.
"""

from pgflowc_runtime.queries.definitions import flows
from pgflowc_runtime.queries.installation import capabilities, installed_components, stored_steps
from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.queries.run_state import (
    flow_input,
    run,
    run_status,
    runs,
    start_flow,
    step_states,
    step_tasks,
)
from pgflowc_runtime.queries.tasks import (
    READ_TIMEOUT_SECONDS,
    complete_task,
    fail_task,
    release_tasks,
    start_tasks,
    start_tasks_of_foreign_core,
    task_attempts,
    task_status,
)
from pgflowc_runtime.queries.worker_life import (
    WAKEUP_CHANNEL,
    announce_wait,
    enable_wakeup,
    mark_worker_stopped,
    recover_stalled_tasks,
    requeue_stalled_tasks,
    track_worker_function,
    withdraw_wait,
    workers,
)

__all__ = [
    "READ_TIMEOUT_SECONDS",
    "WAKEUP_CHANNEL",
    "Query",
    "announce_wait",
    "capabilities",
    "complete_task",
    "enable_wakeup",
    "fail_task",
    "flow_input",
    "flows",
    "installed_components",
    "mark_worker_stopped",
    "recover_stalled_tasks",
    "release_tasks",
    "requeue_stalled_tasks",
    "run",
    "run_status",
    "runs",
    "start_flow",
    "start_tasks",
    "start_tasks_of_foreign_core",
    "step_states",
    "step_tasks",
    "stored_steps",
    "task_attempts",
    "task_status",
    "track_worker_function",
    "withdraw_wait",
    "workers",
]
