-- pgflowc.resume_schedule(p_flow_slug): end a pause. Returns false if there was none.
--
-- The slots of the pause are not made up for, whatever the schedule's catch_up. Raises no_data_found for a flow without a schedule.
-- Locks: the flow's schedule.
create or replace function pgflowc.resume_schedule(p_flow_slug text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pgflowc.schedules := pgflowc._lock_schedule(p_flow_slug);
begin
  if v_schedule.paused_at is null then
    return false;
  end if;
  update pgflowc.schedules s
  set paused_at = null, settled_until = greatest(s.settled_until, clock_timestamp())
  where s.flow_slug = p_flow_slug;
  notify pgflowc_schedules;
  return true;
end;
$$;
