-- Workers that poll a queue; they register and renew last_heartbeat_at themselves. A handful of rows: no index.
create table pgflow.workers (
  worker_id uuid not null primary key,
  queue_name text not null,
  function_name text not null,
  started_at timestamptz not null default now(),
  deprecated_at timestamptz, -- asked to finish and leave
  stopped_at timestamptz, -- said it stopped
  last_heartbeat_at timestamptz not null default now()
)
with (fillfactor = 50); -- heartbeats are HOT
