-- pgflow._create_flow_from_shape(p_flow_slug, p_shape): define a flow as a shape says: create_flow, then add_step in order.
--
-- Locks: as create_flow and add_step.
create or replace function pgflow._create_flow_from_shape(p_flow_slug text, p_shape jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_options constant jsonb := p_shape -> 'options';
  v_step jsonb;
begin
  perform pgflow.create_flow(
    p_flow_slug,
    (v_options ->> 'maxAttempts')::integer,
    (v_options ->> 'baseDelay')::integer,
    (v_options ->> 'timeout')::integer
  );

  for v_step in
    select e.step
    from jsonb_array_elements(coalesce(p_shape -> 'steps', '[]'::jsonb)) with ordinality e (step, n)
    order by e.n
  loop
    perform pgflow.add_step(
      p_flow_slug,
      v_step ->> 'slug',
      array(select d.slug from jsonb_array_elements_text(coalesce(v_step -> 'dependencies', '[]'::jsonb)) d (slug)),
      max_attempts => (v_step #>> '{options,maxAttempts}')::integer,
      base_delay => (v_step #>> '{options,baseDelay}')::integer,
      timeout => (v_step #>> '{options,timeout}')::integer,
      start_delay => (v_step #>> '{options,startDelay}')::integer,
      step_type => v_step ->> 'stepType',
      required_input_pattern => case
        when (v_step #>> '{requiredInputPattern,defined}')::boolean then v_step #> '{requiredInputPattern,value}'
      end,
      forbidden_input_pattern => case
        when (v_step #>> '{forbiddenInputPattern,defined}')::boolean then v_step #> '{forbiddenInputPattern,value}'
      end,
      when_unmet => coalesce(v_step ->> 'whenUnmet', 'skip'),
      when_exhausted => coalesce(v_step ->> 'whenExhausted', 'fail')
    );
  end loop;
end;
$$;
