-- pgflowc.relieve_pg_cron(p_flow_slug, p_schedule, p_slots): pg_cron did not start these slots of a schedule, in order of time, which it should
-- have: start them, and let workers keep the schedule from now on.
--
-- A job may be gone with an extension that was dropped and made again, or pg_cron's library may not be loaded any more, or cannot connect: all
-- of that is seen by nobody but by what does not start. Returns the slots that this call settled; nothing at all if the schedule is gone,
-- paused, another one than p_schedule by now, or no longer pg_cron's, or the first slot was started after all. A job that fires late
-- starts nothing then, and removes itself. Raises what pgflow.start_flow raises.
-- Locks: as start_slots; those of pg_cron.
create or replace function pgflowc.relieve_pg_cron(p_flow_slug text, p_schedule text, p_slots timestamptz[])
returns table (slot timestamptz, run_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_stored_slug text := pgflowc.current_flow(p_flow_slug);
  v_schedule pgflowc.schedules;
begin
  perform pg_advisory_xact_lock_shared(2, hashtext(p_flow_slug));
  perform pg_advisory_xact_lock_shared(2, hashtext(v_stored_slug));

  update pgflowc.schedules s
  set fired_by = 'worker'
  where
    s.flow_slug = p_flow_slug and s.schedule = p_schedule and s.fired_by = 'pg_cron' and s.paused_at is null
    and s.settled_until < p_slots[1]
  returning s.* into v_schedule;
  if not found then
    return;
  end if;

  perform pgflowc._remove_cron_job(p_flow_slug);
  notify pgflowc_schedules;
  return query
    select t.slot, t.run_id
    from pgflowc._settle_slots(v_schedule, v_stored_slug, p_slots, p_slots[cardinality(p_slots)]) t;
end;
$$;
