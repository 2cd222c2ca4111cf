-- When flows start by themselves. Written by set_schedule and remove_schedule, which migrations call; the schedulers inside the workers
-- read it, and the jobs of pg_cron where that fires. No foreign key: a flow that is deleted and defined anew keeps its schedule, and one
-- without a flow does nothing.
create table pgflowc.schedules (
  flow_slug text not null primary key,
  schedule text not null, -- a cron expression, or @hourly and the like
  timezone text not null default 'UTC', -- of the IANA database; the schedule's hours are local to it
  input jsonb not null default '{}', -- of the runs it starts
  catch_up text not null default 'none', -- which of the slots that nobody was there for are made up for
  overlap text not null default 'allow', -- whether a run starts while one that this schedule started goes on
  keeper text not null default 'auto', -- auto: pg_cron fires where it can; worker: workers always do
  fired_by text not null default 'worker', -- decided by assign_schedule
  settled_until timestamptz not null default clock_timestamp(), -- no slot up to here starts a run any more
  paused_at timestamptz, -- set by hand; outlives changes of the schedule
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint schedule_is_not_empty check (schedule ~ '\S'),
  constraint catch_up_is_valid check (catch_up in ('none', 'last', 'all')),
  constraint overlap_is_valid check (overlap in ('allow', 'skip')),
  constraint keeper_is_valid check (keeper in ('auto', 'worker')),
  constraint fired_by_is_valid check (fired_by in ('worker', 'pg_cron'))
);
