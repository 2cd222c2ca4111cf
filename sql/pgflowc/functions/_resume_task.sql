-- pgflowc._resume_task(p_task): queue a waiting task again, with a new message that is visible at once.
--
-- The insert wakes a worker. The caller holds the locks of run and task.
-- Locks: none beyond those held.
create or replace function pgflowc._resume_task(p_task pgflow.step_tasks)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message_id bigint;
begin
  select s.id into v_message_id
  from pgmq.send(
    p_task.flow_slug,
    jsonb_build_object(
      'flow_slug', p_task.flow_slug, 'run_id', p_task.run_id, 'step_slug', p_task.step_slug, 'task_index', p_task.task_index
    )
  ) s (id);
  update pgflow.step_tasks t
  set status = 'queued', message_id = v_message_id
  where t.run_id = p_task.run_id and t.step_slug = p_task.step_slug and t.task_index = p_task.task_index;
end;
$$;
