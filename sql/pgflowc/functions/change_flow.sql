-- pgflowc.change_flow(p_flow_slug, p_before, p_after): change options of a flow that are still what a migration left.
--
-- Both objects have the same keys, parameters of pgflow.create_flow, or flow_type: {"timeout": 30}. Raises no_data_found for an
-- unknown flow, invalid_parameter_value for other keys, and object_not_in_prerequisite_state when a stored value is not that of
-- p_before: somebody changed it since, and nothing is written over.
-- Locks: the flow's row.
create or replace function pgflowc.change_flow(p_flow_slug text, p_before jsonb, p_after jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_row jsonb;
  v_stored jsonb;
begin
  select to_jsonb(f) into v_row from pgflow.flows f where f.flow_slug = p_flow_slug for no key update;
  if not found then
    raise exception 'flow "%" does not exist', p_flow_slug using errcode = 'no_data_found';
  end if;

  v_stored := jsonb_build_object(
    'max_attempts', v_row -> 'opt_max_attempts',
    'base_delay', v_row -> 'opt_base_delay',
    'timeout', v_row -> 'opt_timeout'
  );
  -- Cores of other projects have no flow_type.
  if v_row ? 'flow_type' then
    v_stored := v_stored || jsonb_build_object('flow_type', v_row -> 'flow_type');
  end if;
  perform pgflowc._require_stored(format('flow "%s"', p_flow_slug), v_stored, p_before, p_after);

  v_stored := v_stored || p_after;
  update pgflow.flows f
  set
    opt_max_attempts = (v_stored ->> 'max_attempts')::integer,
    opt_base_delay = (v_stored ->> 'base_delay')::integer,
    opt_timeout = (v_stored ->> 'timeout')::integer
  where f.flow_slug = p_flow_slug;
  if p_after ? 'flow_type' then
    update pgflow.flows f set flow_type = v_stored ->> 'flow_type' where f.flow_slug = p_flow_slug;
  end if;
end;
$$;
