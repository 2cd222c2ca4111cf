-- Runs. A run's row is the gate to its steps: step_states is only ever written under a lock of it.
-- No index covers a column that changes during a run, so that its updates are HOT.
create table pgflow.runs (
  run_id uuid not null default gen_random_uuid() primary key,
  flow_slug text not null,
  status text not null default 'started',
  input jsonb not null,
  output jsonb,
  remaining_steps integer not null default 0, -- neither completed nor skipped
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  failed_at timestamptz,
  constraint runs_flow_slug_fkey foreign key (flow_slug) references pgflow.flows (flow_slug),
  constraint status_is_valid check (status in ('started', 'completed', 'failed')),
  constraint runs_remaining_steps_check check (remaining_steps >= 0),
  constraint completed_at_or_failed_at check (num_nonnulls(completed_at, failed_at) <= 1),
  constraint completed_at_is_after_started_at check (completed_at >= started_at),
  constraint failed_at_is_after_started_at check (failed_at >= started_at)
)
with (
  fillfactor = 50, -- a run is written after every step
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);

-- Runs of a flow, latest first (lists, delete_flow_and_data, the foreign key's check).
create index idx_runs_flow_slug on pgflow.runs (flow_slug, started_at);
