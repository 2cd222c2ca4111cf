-- pgflow.add_step(flow_slug, step_slug, deps_slugs, ...): append a step to a flow, with its dependencies.
--
-- step_index is the flow's highest plus one. deps_count is the number of different dependencies, so a slug named twice counts
-- once and the step can start. An existing step is returned as stored and nothing of it changes, its dependencies included.
-- NULL options take the flow's when a run needs them. A map step takes at most one dependency.
-- Errors: unknown flow (steps_flow_slug_fkey), unknown dependency (deps_flow_slug_dep_slug_fkey), a step that depends on
-- itself (deps_check), bad values (the checks of pgflow.steps).
-- Locks: none when the step exists; else advisory (2, hash of the slug), so that a run starts with all steps of before or of after,
-- and steps added at once get different indexes.
create or replace function pgflow.add_step(
  flow_slug text,
  step_slug text,
  deps_slugs text[] default '{}',
  max_attempts integer default null,
  base_delay integer default null,
  timeout integer default null,
  start_delay integer default null,
  step_type text default 'single',
  required_input_pattern jsonb default null,
  forbidden_input_pattern jsonb default null,
  when_unmet text default 'skip',
  when_exhausted text default 'fail'
)
returns pgflow.steps
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_flow_slug constant text := add_step.flow_slug;
  v_step_slug constant text := add_step.step_slug;
  v_step_type constant text := coalesce(add_step.step_type, 'single');
  v_deps text[];
  v_unknown text;
  v_step pgflow.steps;
begin
  -- First without the lock: definitions are repeated whenever something starts, and that must wait for no start of a run in a long
  -- transaction, nor make other starts queue behind it.
  select s.* into v_step from pgflow.steps s where s.flow_slug = v_flow_slug and s.step_slug = v_step_slug;
  if found then
    return v_step;
  end if;
  -- Not a lock of the flow's row: whatever makes tasks shares it, and under load nobody else would ever get it.
  perform pg_advisory_xact_lock(2, hashtext(v_flow_slug));
  select s.* into v_step from pgflow.steps s where s.flow_slug = v_flow_slug and s.step_slug = v_step_slug;
  if found then
    return v_step;
  end if;

  select coalesce(array_agg(distinct d.slug), '{}') into v_deps from unnest(add_step.deps_slugs) d (slug);

  if v_step_type = 'map' and cardinality(v_deps) > 1 then
    raise exception 'map step "%" can have at most one dependency, but % were given: %',
      v_step_slug, cardinality(v_deps), array_to_string(v_deps, ', ')
      using hint = 'Map over a single step that gathers what the others produce.';
  end if;

  insert into pgflow.steps (
    flow_slug, step_slug, step_type, step_index, deps_count,
    opt_max_attempts, opt_base_delay, opt_timeout, opt_start_delay,
    required_input_pattern, forbidden_input_pattern, when_unmet, when_exhausted
  )
  select
    v_flow_slug, v_step_slug, v_step_type, coalesce(max(s.step_index) + 1, 0), cardinality(v_deps),
    add_step.max_attempts, add_step.base_delay, add_step.timeout, add_step.start_delay,
    add_step.required_input_pattern, add_step.forbidden_input_pattern, add_step.when_unmet, add_step.when_exhausted
  from pgflow.steps s
  where s.flow_slug = v_flow_slug
  returning * into v_step;

  select d.slug into v_unknown
  from unnest(v_deps) with ordinality d (slug, n)
  where not exists (
    select from pgflow.steps s where s.flow_slug = v_flow_slug and s.step_slug = d.slug
  )
  order by d.n
  limit 1;
  if found and v_unknown is not null then
    -- The message of the foreign key that the insert below would violate, with a reason that names the steps.
    raise exception 'insert or update on table "deps" violates foreign key constraint "deps_flow_slug_dep_slug_fkey"'
      using errcode = 'foreign_key_violation',
        detail = format('Step "%s" depends on "%s", which is not a step of flow "%s".', v_step_slug, v_unknown, v_flow_slug),
        hint = 'Add the dependency before the step that needs it.',
        schema = 'pgflow', table = 'deps', constraint = 'deps_flow_slug_dep_slug_fkey';
  end if;

  insert into pgflow.deps (flow_slug, dep_slug, step_slug)
  select v_flow_slug, d.slug, v_step_slug from unnest(v_deps) d (slug);

  notify pgflowc_flows; -- see create_flow
  return v_step;
end;
$$;
