-- pgflowc._forget_signals(p_run_ids, p_step_slugs, p_task_indexes): delete what was sent to tasks that are over, and what those waited for: all
-- of these runs that are over, all of their steps that are, and in steps that go on these tasks, if the other two arrays are given.
--
-- Of a failed run, what was sent to tasks that have not failed themselves is kept for retry_run, as if nobody had waited for it yet. The caller
-- holds the locks of the runs.
-- Locks: the rows deleted and changed.
create or replace function pgflowc._forget_signals(p_run_ids uuid[], p_step_slugs text[] default null, p_task_indexes integer[] default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids constant uuid[] := array(select distinct u.run_id from unnest(p_run_ids) u (run_id));
  v_ended_run_ids constant uuid[] := array(
    select u.run_id
    from unnest(v_run_ids) u (run_id)
    where (select r.status from pgflow.runs r where r.run_id = u.run_id) <> 'started'
  );
begin
  -- Not all rows of a run: thousands of tasks of a map may wait while a few of them end. What a row depends on is asked for that row: as
  -- joins these could be planned to walk whole tables.
  delete from pgflowc.task_signals w
  using unnest(p_run_ids, p_step_slugs, p_task_indexes) u (run_id, step_slug, task_index)
  where
    w.run_id = u.run_id and w.step_slug = u.step_slug and w.task_index = u.task_index
    and (
      select t.status from pgflow.step_tasks t
      where t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
    ) in ('completed', 'failed', 'skipped');
  delete from pgflowc.task_signals w
  using
    unnest(v_run_ids) u (run_id)
    cross join lateral (
      select s.step_slug from pgflow.step_states s
      where s.run_id = u.run_id and s.status in ('completed', 'skipped')
      offset 0
    ) s
  where w.run_id = u.run_id and w.step_slug = s.step_slug;
  if v_ended_run_ids = '{}' then
    return;
  end if;

  delete from pgflowc.task_signals w
  where
    w.run_id = any (v_ended_run_ids)
    and (
      w.sent_at is null
      or (select r.status from pgflow.runs r where r.run_id = w.run_id) <> 'failed'
      or (
        select t.status from pgflow.step_tasks t
        where t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
      ) in ('completed', 'failed', 'skipped')
    );
  update pgflowc.task_signals w
  set waiting_since = null, deadline = null, due_at = null
  where w.run_id = any (v_ended_run_ids) and w.waiting_since is not null;
end;
$$;
