-- pgflow._send_steps_skipped(p_run_id, p_step_slugs): send step:skipped for steps skipped by a condition or a cascade, in dependency
-- order, if anybody wants it.
--
-- Locks: none.
create or replace function pgflow._send_steps_skipped(p_run_id uuid, p_step_slugs text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pgflow.runs r where r.run_id = p_run_id and pgflow._events_wanted(r.flow_slug, r.run_id)
  ) then
    return;
  end if;

  perform pgflow._send_event(s.flow_slug, s.run_id, 'step:' || s.step_slug || ':skipped', jsonb_build_object(
    'event_type', 'step:skipped', 'run_id', s.run_id, 'flow_slug', s.flow_slug, 'step_slug', s.step_slug,
    'status', s.status, 'skip_reason', s.skip_reason, 'skipped_at', s.skipped_at
  ))
  from (
    select s.*
    from pgflow.step_states s
    join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
    where s.run_id = p_run_id and s.step_slug = any (p_step_slugs)
    order by d.step_index
  ) s;
end;
$$;
