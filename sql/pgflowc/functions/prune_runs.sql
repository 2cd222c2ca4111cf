-- pgflowc.prune_runs(p_age, p_flow_slugs, p_limit): delete up to p_limit runs that ended longer ago than p_age, of these stored flows or of
-- all (NULL), with their steps, tasks and messages, oldest first; fewer if they have very many tasks. Runs that somebody else has
-- locked are left.
--
-- While any go, there may be more. pgflow.prune_data_older_than does the same in one go, and deletes workers and what
-- else is old.
-- Locks: the runs, passing over locked ones, so it waits for nobody; their step states, tasks, messages.
create or replace function pgflowc.prune_runs(
  p_age interval,
  p_flow_slugs text[] default null,
  p_limit integer default 500,
  out runs integer,
  out step_states integer,
  out step_tasks integer
)
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see finish_batch.
set plan_cache_mode = force_generic_plan
set join_collapse_limit = 1
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
declare
  v_cutoff constant timestamptz := now() - p_age;
  v_flow_slug text;
  v_run_ids uuid[];
  v_gone record;
begin
  runs := 0;
  step_states := 0;
  step_tasks := 0;
  for v_flow_slug in
    select f.flow_slug from pgflow.flows f
    where p_flow_slugs is null or f.flow_slug = any (p_flow_slugs)
    order by f.flow_slug
  loop
    exit when runs >= p_limit or step_tasks >= 10000;
    v_run_ids := pgflowc._few_tasks(array(
      select r.run_id
      from pgflow.runs r
      where
        r.flow_slug = v_flow_slug
        and r.started_at < v_cutoff -- so were all that ended before; this has an index
        and (r.completed_at < v_cutoff or r.failed_at < v_cutoff)
      order by r.started_at
      limit p_limit - runs
      for update skip locked
    ));
    continue when v_run_ids = '{}';
    v_gone := pgflowc._delete_runs(v_flow_slug, v_run_ids);
    runs := runs + cardinality(v_run_ids);
    step_states := step_states + v_gone.step_states;
    step_tasks := step_tasks + v_gone.step_tasks;
  end loop;
end;
$$;
