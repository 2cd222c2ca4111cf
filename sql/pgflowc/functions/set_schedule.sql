-- pgflowc.set_schedule(p_flow_slug, p_schedule, p_timezone, p_input): start runs of the flow with p_input by this schedule.
--
-- Replaces the flow's schedule if it has one; a pause outlives that. The schedule itself is read by whoever runs it, and is only
-- refused here when it is empty. Raises foreign_key_violation for an unknown flow, invalid_parameter_value for a time zone that is
-- not in the server's IANA database, spelled as there.
-- Locks: the flow's schedule.
create or replace function pgflowc.set_schedule(
  p_flow_slug text,
  p_schedule text,
  p_timezone text default 'UTC',
  p_input jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select from pgflow.flows f where f.flow_slug = p_flow_slug) then
    raise exception 'flow "%" is not defined', p_flow_slug
      using errcode = 'foreign_key_violation', hint = 'Define the flow before its schedule.';
  end if;
  if not exists (select from pg_catalog.pg_timezone_names z where z.name = p_timezone) then
    raise exception 'time zone "%" is not known', p_timezone
      using errcode = 'invalid_parameter_value', hint = 'Names are like Europe/Berlin; pg_timezone_names lists them.';
  end if;

  insert into pgflowc.schedules as s (flow_slug, schedule, timezone, input)
  values (p_flow_slug, p_schedule, p_timezone, p_input)
  on conflict (flow_slug) do update
  set schedule = excluded.schedule, timezone = excluded.timezone, input = excluded.input, updated_at = now();
end;
$$;
