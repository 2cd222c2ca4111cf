-- When flows start by themselves. Written by set_schedule and remove_schedule, which migrations call; the worker that is elected
-- scheduler reads it. No foreign key: a flow that is deleted and defined anew keeps its schedule, and one without a flow does nothing.
create table pgflowc.schedules (
  flow_slug text not null primary key,
  schedule text not null, -- a cron expression, or @hourly and the like
  timezone text not null default 'UTC', -- of the IANA database; the schedule's hours are local to it
  input jsonb not null default '{}', -- of the runs it starts
  paused_at timestamptz, -- set by hand; outlives changes of the schedule
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint schedule_is_not_empty check (schedule ~ '\S')
);
