-- pgflowc._complete_tasks(p_flow, p_worker_id, p_run_ids, ..., p_turns, p_turn): complete the tasks of a batch that succeeded, and their steps.
--
-- The arguments are those of finish_batch; with p_turns only outcomes whose turn is p_turn are looked at. A task is completed if it is
-- still the caller's: started, in the given attempt (NULL: any) and not by another worker, its step and run started. Where a step's last
-- task completed the step does, with the task's output, or for a map the array of its tasks' outputs. Returns the ordinals and messages of
-- the tasks completed, and the steps in the order of the batch. The caller holds the locks of the runs.
-- Locks: the tasks, which only claims and sweeps touch without the run's lock, and these wait for nobody; then step states.
create or replace function pgflowc._complete_tasks(
  p_flow pgflowc.flow_traits,
  p_worker_id uuid,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_attempts integer[],
  p_outputs jsonb[],
  p_errors text[],
  p_turns integer[],
  p_turn integer,
  out ordinals integer[],
  out message_ids bigint[],
  out ended_run_ids uuid[],
  out ended_step_slugs text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
  v_step_slugs text[];
  v_counts integer[];
begin
  -- Found by key, one after the other, and updated where they lie: in a join, a plan made while the tables were empty may walk runs.
  with mine as materialized (
    select t.row, u.attempt, u.output, u.n
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_outputs, p_errors, p_turns)
      with ordinality u (run_id, step_slug, task_index, attempt, output, error, turn, n)
    cross join lateral (
      select t.ctid as row
      from pgflow.step_tasks t
      where
        t.run_id = u.run_id
        and t.step_slug = u.step_slug
        and t.task_index = u.task_index
        and t.status = 'started'
        and exists (
          select from pgflow.runs r
          where r.run_id = u.run_id and r.status = 'started' and (r.flow_slug = p_flow.flow_slug) is true
        )
        and exists (
          select from pgflow.step_states s
          where s.run_id = u.run_id and s.step_slug = u.step_slug and s.status = 'started'
        )
      for no key update of t -- a claim, a sweep or the end of its worker may have a hand on it
    ) t
    where u.error is null and (u.turn is null or u.turn = p_turn)
  ),
  completed as (
    update pgflow.step_tasks t
    set status = 'completed', completed_at = greatest(now(), t.started_at, t.queued_at), output = u.output
    from mine u
    where
      t.ctid = u.row
      and t.status = 'started'
      and (u.attempt is null or (t.attempts_count = u.attempt and (t.last_worker_id = p_worker_id) is not false))
    returning t.run_id, t.step_slug, t.message_id, u.n::integer as n
  ),
  step as (
    select c.run_id, c.step_slug, count(*)::integer as tasks, min(c.n) as n from completed c group by c.run_id, c.step_slug
  )
  select
    (select array_agg(c.n) from completed c), (select array_agg(c.message_id) from completed c),
    array_agg(s.run_id order by s.n), array_agg(s.step_slug order by s.n), array_agg(s.tasks order by s.n)
  into ordinals, message_ids, v_run_ids, v_step_slugs, v_counts
  from step s;

  if ordinals is null then
    return;
  end if;

  with counted as (
    update pgflow.step_states s
    set
      remaining_tasks = s.remaining_tasks - u.tasks,
      status = case when s.remaining_tasks = u.tasks then 'completed' else s.status end,
      completed_at = case when s.remaining_tasks = u.tasks then greatest(now(), s.started_at) end,
      output = case
        when s.remaining_tasks > u.tasks then null
        when d.step_type = 'single' then (
          select t.output from pgflow.step_tasks t
          where t.run_id = s.run_id and t.step_slug = s.step_slug and t.task_index = 0
        )
        else (
          select jsonb_agg(t.output order by t.task_index) from pgflow.step_tasks t
          where t.run_id = s.run_id and t.step_slug = s.step_slug and t.status = 'completed'
        )
      end
    from unnest(v_run_ids, v_step_slugs, v_counts) with ordinality u (run_id, step_slug, tasks, n)
    join pgflow.steps d on d.flow_slug = p_flow.flow_slug and d.step_slug = u.step_slug
    where s.run_id = u.run_id and s.step_slug = u.step_slug
    returning s.run_id, s.step_slug, s.status, u.n
  )
  select array_agg(c.run_id order by c.n), array_agg(c.step_slug order by c.n)
  into ended_run_ids, ended_step_slugs
  from counted c
  where c.status = 'completed';

  if p_flow.has_maps and p_flow.has_chunks and ended_run_ids is not null then
    delete from pgflow.map_chunks c
    using unnest(ended_run_ids, ended_step_slugs) u (run_id, step_slug)
    where c.run_id = u.run_id and c.step_slug = u.step_slug;
  end if;
end;
$$;
