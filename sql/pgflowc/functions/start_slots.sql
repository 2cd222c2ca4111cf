-- pgflowc.start_slots(p_flow_slug, p_schedule, p_timezone, p_slots, p_until): start the runs of these slots of a schedule, in order of time.
--
-- Each slot starts at most one run, whoever asks and however often: it becomes a row of schedule_slots in the transaction that starts its
-- run, and nothing up to p_until starts one later. With overlap = skip a slot is left out while a run of this schedule goes on. Returns the
-- slots that this call settled, run_id NULL for one left out; nothing at all if the schedule is gone, paused, or no longer the one that
-- p_schedule and p_timezone say the slots were computed from. Raises what pgflow.start_flow raises.
-- A flow with versions starts on the current one; its schedule is that of the name.
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
set search_path = ''
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
  for no key update;
  if not found then
    return;
  end if;

  for slot in
    select u.slot from unnest(p_slots) u (slot) where u.slot > v_schedule.settled_until order by u.slot
  loop
    insert into pgflowc.schedule_slots as l (flow_slug, slot) values (p_flow_slug, start_slots.slot)
    on conflict on constraint schedule_slots_pkey do nothing;
    continue when not found;

    run_id := null;
    if v_schedule.overlap = 'allow' or not pgflowc._is_schedule_running(p_flow_slug) then
      select r.run_id into start_slots.run_id from pgflow.start_flow(v_stored_slug, v_schedule.input) r;
      update pgflowc.schedule_slots l
      set run_id = start_slots.run_id
      where l.flow_slug = p_flow_slug and l.slot = start_slots.slot;
    end if;
    return next;
  end loop;

  update pgflowc.schedules s
  set settled_until = greatest(s.settled_until, p_until)
  where s.flow_slug = p_flow_slug;

  -- A month is long enough to look back. More than are added, so that they become few; a run that goes on is still looked for.
  delete from pgflowc.schedule_slots l
  where
    l.flow_slug = p_flow_slug
    and l.slot in (
      select o.slot
      from pgflowc.schedule_slots o
      where o.flow_slug = p_flow_slug and o.slot < least(p_until, v_schedule.settled_until) - interval '30 days'
      order by o.slot
      limit 2 * cardinality(p_slots) + 10
    )
    and not exists (select from pgflow.runs r where r.run_id = l.run_id and r.status = 'started');
end;
$$;
