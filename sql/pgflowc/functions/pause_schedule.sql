-- pgflowc.pause_schedule(p_flow_slug): the schedule starts nothing until resume_schedule. Returns false if it was paused already.
--
-- Raises no_data_found for a flow without a schedule.
-- Locks: the flow's schedule.
create or replace function pgflowc.pause_schedule(p_flow_slug text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pgflowc.schedules := pgflowc._lock_schedule(p_flow_slug);
begin
  if v_schedule.paused_at is not null then
    return false;
  end if;
  update pgflowc.schedules s set paused_at = now() where s.flow_slug = p_flow_slug;
  notify pgflowc_schedules;
  return true;
end;
$$;
