-- pgflowc._few_tasks(p_run_ids): as many of these runs, from the first one on, as have 10,000 tasks together; at least one.
--
-- So much is deleted in a transaction that is not long: a run may be a map with thousands of tasks.
-- Locks: none.
create or replace function pgflowc._few_tasks(p_run_ids uuid[])
returns uuid[]
language sql
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(x.run_id order by x.n), '{}')
  from (
    select u.run_id, u.n, sum(s.tasks) over (order by u.n) - s.tasks as tasks_before
    from unnest(p_run_ids) with ordinality u (run_id, n)
    cross join lateral (
      select coalesce(sum(k.initial_tasks), 0) as tasks from pgflow.step_states k where k.run_id = u.run_id
    ) s
  ) x
  where x.tasks_before < 10000
$$;
