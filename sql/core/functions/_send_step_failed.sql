-- pgflow._send_step_failed(p_run_id, p_step_slug): send step:failed for a step just failed, if anybody wants it.
--
-- Locks: none.
create or replace function pgflow._send_step_failed(p_run_id uuid, p_step_slug text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._send_event(s.flow_slug, s.run_id, 'step:' || s.step_slug || ':failed', jsonb_build_object(
    'event_type', 'step:failed', 'run_id', s.run_id, 'step_slug', s.step_slug, 'status', s.status,
    'error_message', s.error_message, 'failed_at', s.failed_at
  ))
  from pgflow.step_states s
  where s.run_id = p_run_id and s.step_slug = p_step_slug and pgflow._events_wanted(s.flow_slug, s.run_id)
$$;
