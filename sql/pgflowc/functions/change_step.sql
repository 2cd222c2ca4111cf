-- pgflowc.change_step(p_flow_slug, p_step_slug, p_before, p_after): change what a step is, where it is still what a migration left.
--
-- Both objects have the same keys, parameters of pgflow.add_step: {"timeout": 30}, {"deps_slugs": ["a"]}; null takes the flow's
-- option. Dependencies are sorted, and must be steps of the flow. Options may change under alive runs: a timeout counts from a
-- task's next claim, attempts and delays from its next failure. Everything else needs a drained flow (see require_drained).
-- Raises as change_flow does.
-- Locks: as require_drained, where it needs a drained flow; the flow's row.
create or replace function pgflowc.change_step(p_flow_slug text, p_step_slug text, p_before jsonb, p_after jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_stored jsonb;
begin
  if p_after - array['max_attempts', 'base_delay', 'timeout', 'start_delay'] <> '{}' then
    perform pgflowc.require_drained(p_flow_slug);
  end if;
  perform from pgflow.flows f where f.flow_slug = p_flow_slug for no key update;
  select
    jsonb_build_object(
      'deps_slugs', (
        select coalesce(jsonb_agg(d.dep_slug order by d.dep_slug collate "C"), '[]')
        from pgflow.deps d
        where d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
      ),
      'max_attempts', s.opt_max_attempts,
      'base_delay', s.opt_base_delay,
      'timeout', s.opt_timeout,
      'start_delay', s.opt_start_delay,
      'step_type', s.step_type,
      'required_input_pattern', s.required_input_pattern,
      'forbidden_input_pattern', s.forbidden_input_pattern,
      'when_unmet', s.when_unmet,
      'when_exhausted', s.when_exhausted
    )
  into v_stored
  from pgflow.steps s
  where s.flow_slug = p_flow_slug and s.step_slug = p_step_slug;
  if not found then
    raise exception 'flow "%" has no step "%"', p_flow_slug, p_step_slug using errcode = 'no_data_found';
  end if;
  perform pgflowc._require_stored(format('step "%s" of flow "%s"', p_step_slug, p_flow_slug), v_stored, p_before, p_after);

  v_stored := v_stored || p_after;
  if p_after ? 'deps_slugs' then
    delete from pgflow.deps d where d.flow_slug = p_flow_slug and d.step_slug = p_step_slug;
    insert into pgflow.deps (flow_slug, dep_slug, step_slug)
    select p_flow_slug, d.slug, p_step_slug from jsonb_array_elements_text(v_stored -> 'deps_slugs') d (slug);
  end if;
  update pgflow.steps s
  set
    deps_count = jsonb_array_length(v_stored -> 'deps_slugs'),
    opt_max_attempts = (v_stored ->> 'max_attempts')::integer,
    opt_base_delay = (v_stored ->> 'base_delay')::integer,
    opt_timeout = (v_stored ->> 'timeout')::integer,
    opt_start_delay = (v_stored ->> 'start_delay')::integer,
    step_type = v_stored ->> 'step_type',
    required_input_pattern = nullif(v_stored -> 'required_input_pattern', 'null'),
    forbidden_input_pattern = nullif(v_stored -> 'forbidden_input_pattern', 'null'),
    when_unmet = v_stored ->> 'when_unmet',
    when_exhausted = v_stored ->> 'when_exhausted'
  where s.flow_slug = p_flow_slug and s.step_slug = p_step_slug;
end;
$$;
