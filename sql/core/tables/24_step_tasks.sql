-- Units of work. The key to flows locks a flow's row (for key share) in whatever makes tasks, under the lock of their run: who locks a
-- flow's row against that must not wait for a run then (delete_flow_and_data).
create table pgflow.step_tasks (
  flow_slug text not null,
  run_id uuid not null,
  step_slug text not null,
  message_id bigint, -- in the flow's queue; kept after archiving
  task_index integer not null default 0,
  status text not null default 'queued',
  attempts_count integer not null default 0, -- raised by each claim
  error_message text, -- of the latest failure
  output jsonb,
  queued_at timestamptz not null default now(),
  started_at timestamptz,
  completed_at timestamptz,
  failed_at timestamptz,
  last_worker_id uuid,
  requeued_count integer not null default 0, -- stall recoveries so far
  last_requeued_at timestamptz,
  permanently_stalled_at timestamptz,
  constraint step_tasks_pkey primary key (run_id, step_slug, task_index),
  constraint step_tasks_flow_slug_fkey foreign key (flow_slug) references pgflow.flows (flow_slug),
  constraint step_tasks_run_id_fkey foreign key (run_id) references pgflow.runs (run_id),
  constraint step_tasks_run_id_step_slug_fkey foreign key (run_id, step_slug)
    references pgflow.step_states (run_id, step_slug),
  constraint step_tasks_last_worker_id_fkey foreign key (last_worker_id)
    references pgflow.workers (worker_id) on delete set null,
  constraint valid_status check (status in ('queued', 'started', 'completed', 'failed', 'skipped', 'cancelled', 'waiting')),
  constraint attempts_count_nonnegative check (attempts_count >= 0),
  constraint requeued_count_nonnegative check (requeued_count >= 0),
  constraint output_valid_only_for_completed_or_failed check (output is null or status in ('completed', 'failed')),
  constraint completed_at_or_failed_at check (num_nonnulls(completed_at, failed_at) <= 1),
  constraint started_at_is_after_queued_at check (started_at >= queued_at),
  constraint completed_at_is_after_queued_at check (completed_at >= queued_at),
  constraint completed_at_is_after_started_at check (completed_at >= started_at),
  constraint failed_at_is_after_queued_at check (failed_at >= queued_at),
  constraint failed_at_is_after_started_at check (failed_at >= started_at)
)
with (
  fillfactor = 45, -- a row is written three times, longer each time: queued, started, completed
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);

-- The claim: tasks by message, of one flow. The id comes first so that no plan reads all tasks of a flow. Deliberately neither
-- partial on status nor joined by an index on started_at: either would make every claim and completion a non-HOT update that
-- writes to all indexes. The stall scan goes through the queue instead, which holds live tasks only.
create index idx_step_tasks_message on pgflow.step_tasks (message_id, flow_slug);
