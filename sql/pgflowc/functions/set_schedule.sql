-- pgflowc.set_schedule(p_flow_slug, p_schedule, p_timezone, p_input, p_catch_up, p_overlap, p_keeper): start runs of the flow with
-- p_input by this schedule.
--
-- Replaces the flow's schedule if it has one; a pause outlives that. Slots before this call never start a run, unless the schedule,
-- its time zone and p_catch_up are as they were. p_catch_up: which slots of a time without workers are made up for, none, the last or
-- all. p_overlap: allow, or skip a slot while a run of this schedule goes on. p_keeper: worker
-- leaves it to workers; auto lets assign_schedule decide whether pg_cron fires it. The schedule itself is read by whoever runs it, and is only
-- refused here when it is empty. Raises foreign_key_violation for an unknown flow, invalid_parameter_value for a time zone that is
-- not in the server's IANA database, spelled as there.
-- Locks: the flow's schedule; then as assign_schedule.
create or replace function pgflowc.set_schedule(
  p_flow_slug text,
  p_schedule text,
  p_timezone text default 'UTC',
  p_input jsonb default '{}',
  p_catch_up text default 'none',
  p_overlap text default 'allow',
  p_keeper text default 'auto'
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pgflow.flows f where f.flow_slug = pgflowc.current_flow(p_flow_slug)) then
    raise exception 'flow "%" is not defined', p_flow_slug
      using errcode = 'foreign_key_violation', hint = 'Define the flow before its schedule.';
  end if;
  if not exists (select from pg_catalog.pg_timezone_names z where z.name = p_timezone) then
    raise exception 'time zone "%" is not known', p_timezone
      using errcode = 'invalid_parameter_value', hint = 'Names are like Europe/Berlin; pg_timezone_names lists them.';
  end if;

  insert into pgflowc.schedules as s (flow_slug, schedule, timezone, input, catch_up, overlap, keeper)
  values (p_flow_slug, p_schedule, p_timezone, p_input, p_catch_up, p_overlap, p_keeper)
  on conflict (flow_slug) do update
  set
    schedule = excluded.schedule,
    timezone = excluded.timezone,
    input = excluded.input,
    catch_up = excluded.catch_up,
    overlap = excluded.overlap,
    keeper = excluded.keeper,
    settled_until = case
      when (s.schedule, s.timezone, s.catch_up) = (excluded.schedule, excluded.timezone, excluded.catch_up) then s.settled_until
      else greatest(s.settled_until, clock_timestamp())
    end,
    updated_at = now();
  perform pgflowc.assign_schedule(p_flow_slug);
  notify pgflowc_schedules;
end;
$$;
