-- pgflowc._send_run_events(p_watched, p_run_ids, p_event, p_errors): send an event of each run that is watched.
--
-- p_event is started, completed or failed; the runs' rows must be in that state already. p_errors are the messages of failed runs,
-- parallel to p_run_ids; a NULL leaves error_message out.
-- Locks: none.
create or replace function pgflowc._send_run_events(
  p_watched uuid[],
  p_run_ids uuid[],
  p_event text,
  p_errors text[] default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflowc._send_event(
    r.flow_slug, r.run_id, 'run:' || p_event,
    jsonb_build_object(
      'event_type', 'run:' || p_event, 'run_id', r.run_id, 'flow_slug', r.flow_slug,
      -- A run that a batch starts may be over before its first event is built.
      'status', p_event
    )
    || case p_event
      when 'started' then jsonb_build_object(
        'input', r.input, 'remaining_steps', r.remaining_steps, 'started_at', r.started_at
      )
      when 'completed' then jsonb_build_object('output', r.output, 'completed_at', r.completed_at)
      when 'failed' then jsonb_build_object('failed_at', r.failed_at)
        || case when u.error is null then '{}' else jsonb_build_object('error_message', u.error) end
    end
  )
  from unnest(p_run_ids, p_errors) u (run_id, error)
  join pgflow.runs r on r.run_id = u.run_id
  where u.run_id = any (p_watched);
end;
$$;
