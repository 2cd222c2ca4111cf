-- pgflowc._skip_steps(p_flow_slug, p_run_ids, p_step_slugs, p_reason, p_errors, p_cascade, p_watched): skip steps of runs, under
-- p_cascade with everything downstream of them.
--
-- The named steps get p_reason and their error, those downstream dependency_skipped. Only created and started steps are skipped;
-- their active tasks end. Returns the run of each step skipped (a run as often as it lost steps) and the ids of messages to
-- archive. Dependents that go on without a plainly skipped step, and runs.remaining_steps, are the caller's.
-- Each step is visited once, so stacked diamonds cost no more than a chain. The caller holds the locks of the runs.
-- Locks: step states, then tasks.
create or replace function pgflowc._skip_steps(
  p_flow_slug text,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_reason text,
  p_errors text[],
  p_cascade boolean,
  p_watched uuid[],
  out ended_run_ids uuid[],
  out message_ids bigint[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step_slugs text[];
begin
  with recursive downstream (run_id, step_slug) as (
    select u.run_id, u.step_slug from unnest(p_run_ids, p_step_slugs) u (run_id, step_slug)
    union -- not `union all`: a step reached twice is followed once
    select u.run_id, e.step_slug
    from downstream u
    join pgflow.deps e on e.flow_slug = p_flow_slug and e.dep_slug = u.step_slug
    where p_cascade
  ),
  target as ( -- a named step may be downstream of another
    select u.run_id, u.step_slug, bool_or(u.is_named) as is_named, max(u.error) as error
    from (
      select u.run_id, u.step_slug, false as is_named, null as error from downstream u
      union all
      select u.run_id, u.step_slug, true, u.error from unnest(p_run_ids, p_step_slugs, p_errors) u (run_id, step_slug, error)
    ) u
    group by u.run_id, u.step_slug
  ),
  skipped as (
    update pgflow.step_states s
    set
      status = 'skipped',
      skip_reason = case when t.is_named then p_reason else 'dependency_skipped' end,
      skipped_at = greatest(now(), s.created_at),
      remaining_tasks = null,
      error_message = coalesce(t.error, s.error_message)
    from target t
    where s.run_id = t.run_id and s.step_slug = t.step_slug and s.status in ('created', 'started')
    returning s.run_id, s.step_slug
  )
  select array_agg(k.run_id), array_agg(k.step_slug) into ended_run_ids, v_step_slugs from skipped k;

  if ended_run_ids is null then
    return;
  end if;
  if p_watched is not null then
    perform pgflowc._send_step_events(p_watched, ended_run_ids, v_step_slugs, 'skipped');
  end if;
  message_ids := pgflowc._end_tasks(ended_run_ids, v_step_slugs, 'skipped');
end;
$$;
