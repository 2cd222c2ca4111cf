-- pgflowc._send_step_events(p_watched, p_run_ids, p_step_slugs, p_event): send an event of each (run, step) whose run is watched.
--
-- p_event is started, waiting (tasks of it wait for signals), completed, taskless (a completion without tasks), failed or skipped; the
-- steps' rows must be in that state already. In dependency order.
-- Locks: none.
create or replace function pgflowc._send_step_events(
  p_watched uuid[],
  p_run_ids uuid[],
  p_step_slugs text[],
  p_event text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name constant text := case p_event when 'taskless' then 'completed' else p_event end;
begin
  perform pgflowc._send_event(
    s.flow_slug, s.run_id, 'step:' || s.step_slug || ':' || v_name,
    jsonb_build_object(
      'event_type', 'step:' || v_name, 'run_id', s.run_id, 'step_slug', s.step_slug, 'status', s.status
    )
    || case p_event
      when 'started' then jsonb_build_object(
        'started_at', s.started_at, 'remaining_tasks', s.remaining_tasks, 'remaining_deps', s.remaining_deps
      )
      when 'completed' then jsonb_build_object('output', s.output, 'completed_at', s.completed_at)
      when 'taskless' then jsonb_build_object(
        'output', s.output, 'started_at', s.started_at, 'completed_at', s.completed_at,
        'remaining_tasks', s.remaining_tasks, 'remaining_deps', s.remaining_deps
      )
      when 'failed' then jsonb_build_object('error_message', s.error_message, 'failed_at', s.failed_at)
      when 'waiting' then (
        select jsonb_build_object('waiting_since', min(w.waiting_since), 'deadline', min(w.deadline))
        from pgflowc.task_signals w
        where w.run_id = s.run_id and w.step_slug = s.step_slug
      )
      when 'skipped' then jsonb_build_object('skip_reason', s.skip_reason, 'skipped_at', s.skipped_at)
        || case
          when s.skip_reason = 'handler_failed' then jsonb_build_object('error_message', s.error_message)
          else jsonb_build_object('flow_slug', s.flow_slug)
        end
    end
  )
  from (
    select s.*
    from unnest(p_run_ids, p_step_slugs) u (run_id, step_slug)
    join pgflow.step_states s on s.run_id = u.run_id and s.step_slug = u.step_slug
    join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
    where u.run_id = any (p_watched)
    order by d.step_index
  ) s;
end;
$$;
