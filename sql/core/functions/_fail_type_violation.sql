-- pgflow._fail_type_violation(p_run_id, p_step_slug, p_task_index, p_output, p_map_slug): a single step that feeds a map returned
-- something else than an array. Task, step and run fail without a retry, whatever when_exhausted says.
--
-- The offending output is kept with the task. Events: run:failed, then step:failed. Does nothing for an unknown task. The caller
-- holds the locks of run and step state.
-- Locks: the step state, the tasks of the run, their messages.
create or replace function pgflow._fail_type_violation(
  p_run_id uuid,
  p_step_slug text,
  p_task_index integer,
  p_output jsonb,
  p_map_slug text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type constant text := coalesce(jsonb_typeof(p_output), 'null');
begin
  if not exists (
    select from pgflow.step_tasks t
    where
      t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index
      and t.status in ('queued', 'started')
  ) then
    return;
  end if;

  update pgflow.step_states s
  set
    status = 'failed',
    failed_at = greatest(now(), s.started_at),
    error_message = format(
      '[TYPE_VIOLATION] Map step %s expects array input but dependency %s produced %s', p_map_slug, p_step_slug, v_type
    )
  where s.run_id = p_run_id and s.step_slug = p_step_slug;

  update pgflow.step_tasks t
  set
    status = 'failed',
    failed_at = greatest(now(), t.started_at, t.queued_at),
    output = p_output,
    error_message = format('[TYPE_VIOLATION] Produced %s instead of array', v_type)
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index;

  perform pgflow._fail_run(p_run_id, '{}');
  perform pgflow._send_step_failed(p_run_id, p_step_slug);
  perform pgflow._archive_task_message(p_run_id, p_step_slug, p_task_index);
end;
$$;
