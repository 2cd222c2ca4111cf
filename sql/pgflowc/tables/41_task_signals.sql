-- What tasks wait for, and what has been sent to them: one row for each task that waits, has waited, or was sent a signal before it did.
--
-- A row goes when its task is over, or with its run. Where the core's own functions ended the task, it may stay until the run is over; it
-- means nothing then, since whoever reads it looks at the task first. While a run is failed, it keeps what was sent to tasks that have
-- not failed themselves, for retry_run. Written under the lock of the run, except that a handler which begins to wait only upserts its
-- row (consume_task_signal).
create table pgflowc.task_signals (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  flow_slug text not null, -- as stored
  payload jsonb, -- of the latest signal
  sent_at timestamptz, -- null: there has been none
  waiting_since timestamptz, -- null: nobody waits yet
  deadline timestamptz, -- of the wait, counted from its beginning; null: for ever
  due_at timestamptz, -- when a worker has to see to the parked task; null: only a signal ends its wait, or it is not parked
  constraint task_signals_pkey primary key (run_id, step_slug, task_index),
  constraint task_signals_run_id_fkey foreign key (run_id) references pgflow.runs (run_id) on delete cascade,
  constraint task_index_is_nonnegative check (task_index >= 0)
);

-- The next one of a flow that is due.
create index task_signals_due on pgflowc.task_signals (flow_slug, due_at) where due_at is not null;
