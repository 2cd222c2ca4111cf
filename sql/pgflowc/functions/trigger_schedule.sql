-- pgflowc.trigger_schedule(p_flow_slug): start a run now as the schedule would, also while it is paused. Returns the run's id.
--
-- It counts as a run of the schedule, so with overlap = skip it keeps the next slot from starting another. Raises no_data_found for a
-- flow without a schedule, and what pgflow.start_flow raises.
-- Locks: as start_slots.
create or replace function pgflowc.trigger_schedule(p_flow_slug text)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_stored_slug text := pgflowc.current_flow(p_flow_slug);
  v_schedule pgflowc.schedules;
  v_run_id uuid;
begin
  perform pg_advisory_xact_lock_shared(2, hashtext(p_flow_slug));
  perform pg_advisory_xact_lock_shared(2, hashtext(v_stored_slug));
  v_schedule := pgflowc._lock_schedule(p_flow_slug);
  select r.run_id into v_run_id from pgflow.start_flow(v_stored_slug, v_schedule.input) r;
  insert into pgflowc.schedule_slots (flow_slug, slot, run_id) values (p_flow_slug, clock_timestamp(), v_run_id);
  return v_run_id;
end;
$$;
