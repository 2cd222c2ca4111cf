-- pgflowc._lock_schedule(p_flow_slug): the flow's schedule, locked; raises no_data_found if it has none.
--
-- Locks: the flow's schedule.
create or replace function pgflowc._lock_schedule(p_flow_slug text)
returns pgflowc.schedules
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pgflowc.schedules;
begin
  select s.* into v_schedule from pgflowc.schedules s where s.flow_slug = p_flow_slug for no key update;
  if not found then
    raise exception 'flow "%" has no schedule', p_flow_slug using errcode = 'no_data_found';
  end if;
  return v_schedule;
end;
$$;
