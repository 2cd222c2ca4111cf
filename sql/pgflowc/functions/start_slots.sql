-- pgflowc.start_slots(p_flow_slug, p_schedule, p_timezone, p_slots, p_until): start the runs of these slots of a schedule, in order of time.
--
-- Each slot starts at most one run, whoever asks and however often: it becomes a row of schedule_slots in the transaction that starts its
-- run, and nothing up to p_until starts one later. With overlap = skip a slot is left out while a run of this schedule goes on. Returns the
-- slots that this call settled, run_id NULL for one left out; nothing at all if the schedule is gone, paused, fired by pg_cron (unless
-- its extension is gone), or no longer the one that p_schedule and p_timezone say the slots were computed from. Raises what
-- pgflow.start_flow raises. A flow with versions starts on the current one; its schedule is that of the name.
-- Locks: advisory (2, hash), shared, of the name and then of the stored flow, as pgflow.start_flow and before the schedule, since
-- migrations lock in this order; the flow's schedule; then as pgflow.start_flow.
create or replace function pgflowc.start_slots(
  p_flow_slug text,
  p_schedule text,
  p_timezone text,
  p_slots timestamptz[],
  p_until timestamptz
)
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

  select s.* into v_schedule
  from pgflowc.schedules s
  where
    s.flow_slug = p_flow_slug and s.schedule = p_schedule and s.timezone = p_timezone and s.paused_at is null
    and (s.fired_by = 'worker' or not exists (select from pg_catalog.pg_extension e where e.extname = 'pg_cron'))
  for no key update;
  if not found then
    return;
  end if;

  return query select t.slot, t.run_id from pgflowc._settle_slots(v_schedule, v_stored_slug, p_slots, p_until) t;
end;
$$;
