-- pgflowc._settle_runs(p_flow, p_run_ids, p_watched): in these runs, resolve the conditions of ready steps and complete ready steps
-- that have no tasks, until nothing changes.
--
-- The runs go in step: a round takes a constant number of statements however many they are, and each round ends a step, so there
-- are at most as many as the flow has steps. Conditions come before taskless completions, as what a round makes ready is put
-- through its conditions before the next. An unmet condition under when_unmet = fail (that of the lowest step_index) fails its
-- run, which is over then. Steps made ready are started in flows without conditions, else left to _start_ready_steps.
-- Returns the run of each step ended (a run as often as it lost steps; runs.remaining_steps is the caller's), the steps started,
-- whose tasks are the caller's, and the ids of messages to archive. The caller holds the locks of the runs.
-- Locks: step states, then tasks.
create or replace function pgflowc._settle_runs(
  p_flow pgflowc.flow_traits,
  p_run_ids uuid[],
  p_watched uuid[],
  out ended_run_ids uuid[],
  out started_run_ids uuid[],
  out started_step_slugs text[],
  out message_ids bigint[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[] := array(select distinct u.run_id from unnest(p_run_ids) u (run_id));
  v_fatal_run_ids uuid[];
  v_fatal_step_slugs text[];
  v_skip_run_ids uuid[];
  v_skip_step_slugs text[];
  v_cascade_run_ids uuid[];
  v_cascade_step_slugs text[];
  v_done_run_ids uuid[];
  v_done_step_slugs text[];
  v_skipped record;
  v_released record;
begin
  loop
    while p_flow.has_conditions loop
      with unmet as (
        select
          s.run_id, d.step_slug, d.when_unmet,
          bool_or(d.when_unmet = 'fail') over (partition by s.run_id) as is_fatal,
          row_number() over (partition by s.run_id, d.when_unmet = 'fail' order by d.step_index) as rank
        from unnest(v_run_ids) u (run_id)
        join pgflow.runs r on r.run_id = u.run_id and r.status = 'started'
        join pgflow.step_states s on s.run_id = u.run_id and s.status = 'created' and s.remaining_deps = 0
        join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
        cross join lateral (
          select case
            when d.deps_count = 0 then r.input
            else (
              select coalesce(jsonb_object_agg(e.dep_slug, o.output), '{}')
              from pgflow.deps e
              join pgflow.step_states o on o.run_id = s.run_id and o.step_slug = e.dep_slug and o.status = 'completed'
              where e.flow_slug = d.flow_slug and e.step_slug = d.step_slug
            )
          end as subject
          offset 0 -- built once for both patterns
        ) x
        where
          (d.required_input_pattern is not null or d.forbidden_input_pattern is not null)
          and (not x.subject @> d.required_input_pattern or x.subject @> d.forbidden_input_pattern)
      )
      select
        array_agg(n.run_id) filter (where n.when_unmet = 'fail' and n.rank = 1),
        array_agg(n.step_slug) filter (where n.when_unmet = 'fail' and n.rank = 1),
        array_agg(n.run_id) filter (where n.when_unmet = 'skip' and not n.is_fatal),
        array_agg(n.step_slug) filter (where n.when_unmet = 'skip' and not n.is_fatal),
        array_agg(n.run_id) filter (where n.when_unmet = 'skip-cascade' and not n.is_fatal),
        array_agg(n.step_slug) filter (where n.when_unmet = 'skip-cascade' and not n.is_fatal)
      into
        v_fatal_run_ids, v_fatal_step_slugs,
        v_skip_run_ids, v_skip_step_slugs,
        v_cascade_run_ids, v_cascade_step_slugs
      from unmet n;

      exit when num_nonnulls(v_fatal_run_ids, v_skip_run_ids, v_cascade_run_ids) = 0;

      if v_fatal_run_ids is not null then
        update pgflow.step_states s
        set status = 'failed', failed_at = greatest(now(), s.created_at), error_message = 'Condition not met'
        from unnest(v_fatal_run_ids, v_fatal_step_slugs) u (run_id, step_slug)
        where s.run_id = u.run_id and s.step_slug = u.step_slug;
        if p_watched is not null then
          perform pgflowc._send_step_events(p_watched, v_fatal_run_ids, v_fatal_step_slugs, 'failed');
        end if;
        message_ids := message_ids || pgflowc._fail_runs(
          v_fatal_run_ids, array_fill('Condition not met'::text, array[cardinality(v_fatal_run_ids)]), p_watched
        );
      end if;

      if v_skip_run_ids is not null then
        v_skipped := pgflowc._skip_steps(
          p_flow.flow_slug, v_skip_run_ids, v_skip_step_slugs, 'condition_unmet', null, false, p_watched
        );
        ended_run_ids := ended_run_ids || v_skipped.ended_run_ids;
        message_ids := message_ids || v_skipped.message_ids;
        perform pgflowc._release_dependents(p_flow.flow_slug, v_skip_run_ids, v_skip_step_slugs, false);
      end if;

      if v_cascade_run_ids is not null then
        v_skipped := pgflowc._skip_steps(
          p_flow.flow_slug, v_cascade_run_ids, v_cascade_step_slugs, 'condition_unmet', null, true, p_watched
        );
        ended_run_ids := ended_run_ids || v_skipped.ended_run_ids;
        message_ids := message_ids || v_skipped.message_ids;
      end if;
    end loop;

    with done as (
      update pgflow.step_states s
      set
        status = 'completed',
        started_at = greatest(now(), s.created_at),
        completed_at = greatest(now(), s.created_at),
        remaining_tasks = 0,
        output = case when d.step_type = 'map' then '[]'::jsonb end
      from unnest(v_run_ids) u (run_id)
      join pgflow.runs r on r.run_id = u.run_id and r.status = 'started'
      join pgflow.steps d on d.flow_slug = r.flow_slug
      where
        s.run_id = u.run_id
        and s.step_slug = d.step_slug
        and s.status = 'created'
        and s.remaining_deps = 0
        and s.initial_tasks = 0
      returning s.run_id, s.step_slug
    )
    select array_agg(k.run_id), array_agg(k.step_slug) into v_done_run_ids, v_done_step_slugs from done k;

    exit when v_done_run_ids is null;

    ended_run_ids := ended_run_ids || v_done_run_ids;
    if p_watched is not null then
      perform pgflowc._send_step_events(p_watched, v_done_run_ids, v_done_step_slugs, 'taskless');
    end if;
    v_released := pgflowc._release_dependents(
      p_flow.flow_slug, v_done_run_ids, v_done_step_slugs, not p_flow.has_conditions
    );
    started_run_ids := started_run_ids || v_released.started_run_ids;
    started_step_slugs := started_step_slugs || v_released.started_step_slugs;
    v_run_ids := array(select distinct u.run_id from unnest(v_released.special_run_ids) u (run_id));
    exit when v_run_ids = '{}';
  end loop;
end;
$$;
