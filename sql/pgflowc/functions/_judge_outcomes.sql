-- pgflowc._judge_outcomes(p_flow, p_worker_id, p_run_ids, ...): what is to become of the tasks in a batch that did not simply succeed.
--
-- Looks at failures, and at outputs that are no arrays though a map waits for one; the arguments are those of finish_batch. Returns
-- parallel arrays, in the order of the batch, of tasks that are still the caller's: ordinals in the batch and verdicts
--   retry                attempts are left
--   fail                 none is left, and the step's when_exhausted fails the run
--   skip, skip-cascade   none is left, and it skips the step
--   violation            a single step that feeds a map returned no array: the run fails
-- map_slugs names that map. A task named twice is judged by its first failure. The caller holds the locks of the runs.
-- Locks: the tasks judged, by (run_id, step_slug, task_index).
create or replace function pgflowc._judge_outcomes(
  p_flow pgflowc.flow_traits,
  p_worker_id uuid,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_attempts integer[],
  p_outputs jsonb[],
  p_errors text[],
  p_permanent boolean[],
  out ordinals integer[],
  out verdicts text[],
  out map_slugs text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with outcome as materialized (
    select u.*, row_number() over (partition by u.run_id, u.step_slug, u.task_index order by u.n) as turn
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_outputs, p_errors, p_permanent)
      with ordinality u (run_id, step_slug, task_index, attempt, output, error, permanent, n)
    where
      u.error is not null
      or (u.step_slug = any (p_flow.map_sources) and jsonb_typeof(u.output) is distinct from 'array')
  ),
  judged as materialized (
    select
      u.n::integer as n, m.step_slug as map_slug,
      case
        when u.error is null then 'violation'
        when not coalesce(u.permanent, false) and t.attempts_count < coalesce(d.opt_max_attempts, f.opt_max_attempts)
          then 'retry'
        else d.when_exhausted
      end as verdict
    from (select * from outcome u where u.turn = 1 order by u.run_id, u.step_slug, u.task_index) u
    -- One after the other: in a join, a plan made while the tables were empty may walk runs.
    cross join lateral (
      select r.flow_slug
      from pgflow.runs r
      where r.run_id = u.run_id and r.status = 'started' and (r.flow_slug = p_flow.flow_slug) is true
      offset 0
    ) r
    cross join lateral (
      select t.attempts_count
      from pgflow.step_tasks t
      where
        t.run_id = u.run_id
        and t.step_slug = u.step_slug
        and t.task_index = u.task_index
        and t.status = 'started'
        and (u.attempt is null or (t.attempts_count = u.attempt and (t.last_worker_id = p_worker_id) is not false))
        and exists (
          select from pgflow.step_states s
          where s.run_id = u.run_id and s.step_slug = u.step_slug and s.status = 'started'
        )
      for no key update of t
    ) t
    join pgflow.flows f on f.flow_slug = r.flow_slug
    join pgflow.steps d on d.flow_slug = r.flow_slug and d.step_slug = u.step_slug
    left join lateral (
      select w.step_slug
      from pgflow.deps e
      join pgflow.steps w on w.flow_slug = e.flow_slug and w.step_slug = e.step_slug and w.step_type = 'map'
      join pgflow.step_states x on x.run_id = u.run_id and x.step_slug = w.step_slug and x.initial_tasks is null
      where e.flow_slug = r.flow_slug and e.dep_slug = u.step_slug and u.error is null and d.step_type = 'single'
      order by w.step_index
      limit 1
    ) m on true
    where u.error is not null or m.step_slug is not null
  )
  select array_agg(j.n order by j.n), array_agg(j.verdict order by j.n), array_agg(j.map_slug order by j.n)
  into ordinals, verdicts, map_slugs
  from judged j;
end;
$$;
