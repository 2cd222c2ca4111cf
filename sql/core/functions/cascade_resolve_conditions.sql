-- pgflow.cascade_resolve_conditions(run_id): put ready steps with patterns through their conditions.
--
-- Looks at created steps with no remaining deps. A condition is met when the subject contains the required pattern and does not
-- contain the forbidden one (jsonb @>); the subject is the run's input for a root step, else an object of the completed
-- dependencies' slugs to outputs. Unmet: under when_unmet = fail the one of lowest step_index fails and with it the run; under skip
-- the step is skipped and its dependents go on without it; under skip-cascade everything downstream is skipped. Repeats until
-- nothing changes; each round skips at least one step, so there are at most as many rounds as steps and no other limit.
-- Returns true, at once for a completed run; false when the run is failed.
-- Locks: the run, its step states, tasks, messages.
create or replace function pgflow.cascade_resolve_conditions(run_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_id constant uuid := cascade_resolve_conditions.run_id;
  v_flow_slug text;
  v_run_status text;
  v_fail text;
  v_skip text[];
  v_cascade text[];
  v_slug text;
begin
  select r.flow_slug, r.status into v_flow_slug, v_run_status
  from pgflow.runs r
  where r.run_id = v_run_id
  for no key update;
  if not found or v_run_status <> 'started' then
    return v_run_status is distinct from 'failed';
  end if;

  loop
    select
      (array_agg(u.step_slug order by u.step_index) filter (where u.when_unmet = 'fail'))[1],
      array_agg(u.step_slug order by u.step_index) filter (where u.when_unmet = 'skip'),
      array_agg(u.step_slug order by u.step_index) filter (where u.when_unmet = 'skip-cascade')
    into v_fail, v_skip, v_cascade
    from (
      select d.step_slug, d.step_index, d.when_unmet
      from pgflow.step_states s
      join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
      cross join lateral (
        select case
          when d.deps_count = 0 then (select r.input from pgflow.runs r where r.run_id = v_run_id)
          else (
            select coalesce(jsonb_object_agg(e.dep_slug, o.output), '{}'::jsonb)
            from pgflow.deps e
            join pgflow.step_states o on o.run_id = v_run_id and o.step_slug = e.dep_slug and o.status = 'completed'
            where e.flow_slug = v_flow_slug and e.step_slug = d.step_slug
          )
        end as subject
        offset 0 -- built once for both patterns
      ) x
      where
        s.run_id = v_run_id
        and s.status = 'created'
        and s.remaining_deps = 0
        and (d.required_input_pattern is not null or d.forbidden_input_pattern is not null)
        and (not x.subject @> d.required_input_pattern or x.subject @> d.forbidden_input_pattern)
    ) u;

    if v_fail is not null then
      update pgflow.step_states s
      set status = 'failed', failed_at = greatest(now(), s.created_at), error_message = 'Condition not met'
      where s.run_id = v_run_id and s.step_slug = v_fail;
      perform pgflow._send_step_failed(v_run_id, v_fail);
      perform pgflow._fail_run(v_run_id, '{"error_message": "Condition not met"}');
      return false;
    end if;

    exit when v_skip is null and v_cascade is null;

    if v_skip is not null then
      update pgflow.step_states s
      set status = 'skipped', skip_reason = 'condition_unmet', skipped_at = greatest(now(), s.created_at)
      where s.run_id = v_run_id and s.step_slug = any (v_skip);
      update pgflow.runs r
      set remaining_steps = r.remaining_steps - cardinality(v_skip)
      where r.run_id = v_run_id;
      perform pgflow._send_steps_skipped(v_run_id, v_skip);
      perform pgflow._release_dependents(v_run_id, v_flow_slug, v_skip);
    end if;

    foreach v_slug in array coalesce(v_cascade, '{}') loop
      perform pgflow._cascade_force_skip_steps(v_run_id, v_slug, 'condition_unmet');
    end loop;
  end loop;

  return true;
end;
$$;
