-- pgflowc._end_approval(p_task, p_payload, p_error): complete the task of an approval that is queued or waiting, with what was sent to it, or
-- fail it for good if p_error is given.
--
-- Its attempt begins when it was queued and ends now; what follows is what finish_batch does. The caller holds the locks of run and task.
-- Locks: as finish_batch.
create or replace function pgflowc._end_approval(p_task pgflow.step_tasks, p_payload jsonb, p_error text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgflow.step_tasks t
  set status = 'started', started_at = t.queued_at, attempts_count = t.attempts_count + 1, last_worker_id = null
  where t.run_id = p_task.run_id and t.step_slug = p_task.step_slug and t.task_index = p_task.task_index;
  perform from pgflowc.finish_batch(
    p_task.flow_slug, null, array[p_task.run_id], array[p_task.step_slug], array[p_task.task_index], null, array[p_payload],
    case when p_error is not null then array[p_error] end, null, array[true]
  );
end;
$$;
