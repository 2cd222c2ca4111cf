-- pgflowc._settle_slots(p_schedule, p_stored_slug, p_slots, p_until): start the runs of these slots of a schedule that the caller has locked,
-- on the flow stored as p_stored_slug; nothing up to p_until starts one later.
--
-- Returns the slots that this call settled, run_id NULL for one left out by overlap = skip. Raises what pgflow.start_flow raises.
-- Locks: the flow's schedule, held by the caller; then as pgflow.start_flow.
create or replace function pgflowc._settle_slots(
  p_schedule pgflowc.schedules,
  p_stored_slug text,
  p_slots timestamptz[],
  p_until timestamptz
)
returns table (slot timestamptz, run_id uuid)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  for slot in
    select u.slot from unnest(p_slots) u (slot) where u.slot > p_schedule.settled_until order by u.slot
  loop
    insert into pgflowc.schedule_slots as l (flow_slug, slot) values (p_schedule.flow_slug, _settle_slots.slot)
    on conflict on constraint schedule_slots_pkey do nothing;
    continue when not found;

    run_id := null;
    if p_schedule.overlap = 'allow' or not pgflowc._is_schedule_running(p_schedule.flow_slug) then
      select r.run_id into _settle_slots.run_id from pgflow.start_flow(p_stored_slug, p_schedule.input) r;
      update pgflowc.schedule_slots l
      set run_id = _settle_slots.run_id
      where l.flow_slug = p_schedule.flow_slug and l.slot = _settle_slots.slot;
    end if;
    return next;
  end loop;

  update pgflowc.schedules s
  set settled_until = greatest(s.settled_until, p_until)
  where s.flow_slug = p_schedule.flow_slug;

  -- A month is long enough to look back. More than are added, so that they become few; a run that goes on is still looked for.
  delete from pgflowc.schedule_slots l
  where
    l.flow_slug = p_schedule.flow_slug
    and l.slot in (
      select o.slot
      from pgflowc.schedule_slots o
      where o.flow_slug = p_schedule.flow_slug and o.slot < least(p_until, p_schedule.settled_until) - interval '30 days'
      order by o.slot
      limit 2 * cardinality(p_slots) + 10
    )
    and not exists (select from pgflow.runs r where r.run_id = l.run_id and r.status = 'started');
end;
$$;
