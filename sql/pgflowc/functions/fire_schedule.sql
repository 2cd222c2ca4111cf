-- pgflowc.fire_schedule(p_flow_slug, p_schedule): what a job of pg_cron calls at each time of a schedule: start its run. Returns the run's
-- id; NULL in a pause, without the flow, and when the run of this minute is started already.
--
-- The minute is the slot, so two jobs for one schedule, of two roles, start one run. A flow with versions starts on the current one.
-- A job whose schedule is gone, is another one than p_schedule by now, or is fired by workers, removes itself. Raises what
-- pgflow.start_flow raises.
-- Locks: as start_slots.
create or replace function pgflowc.fire_schedule(p_flow_slug text, p_schedule text)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot timestamptz := date_trunc('minute', clock_timestamp());
  v_stored_slug text := pgflowc.current_flow(p_flow_slug);
  v_schedule pgflowc.schedules;
begin
  perform pg_advisory_xact_lock_shared(2, hashtext(p_flow_slug));
  perform pg_advisory_xact_lock_shared(2, hashtext(v_stored_slug));

  select s.* into v_schedule
  from pgflowc.schedules s
  where s.flow_slug = p_flow_slug and s.schedule = p_schedule and s.fired_by = 'pg_cron'
  for no key update;
  if not found then
    perform pgflowc._remove_cron_job(p_flow_slug, p_schedule);
    return null;
  elsif v_schedule.paused_at is not null or not exists (select from pgflow.flows f where f.flow_slug = v_stored_slug) then
    return null;
  end if;
  return (select t.run_id from pgflowc._settle_slots(v_schedule, v_stored_slug, array[v_slot], v_slot) t);
end;
$$;
