-- The trace context of whoever started a run, for the handlers of its steps: clients that trace write it just before they start the run,
-- workers that trace read it. No foreign key, since the run comes later. Whoever writes also deletes a few rows of long ago.
create table pgflowc.run_traces (
  run_id uuid not null primary key,
  carrier text not null, -- what the tracing library makes of its context: W3C traceparent and the like, as JSON
  created_at timestamptz not null default now()
);

create index run_traces_created_at on pgflowc.run_traces (created_at);
