-- pgflowc.order_steps(p_flow_slug, p_step_slugs): put the steps of a flow into this order, which should be a topological one.
--
-- Nothing but the order of events, of lists and of conditions that fail at once depends on it. Raises invalid_parameter_value
-- unless the slugs are those of all the steps, each once.
-- Locks: advisory (2, hash of the slug), as add_step; the flow's row.
create or replace function pgflowc.order_steps(p_flow_slug text, p_step_slugs text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_highest integer;
begin
  perform pg_advisory_xact_lock(2, hashtext(p_flow_slug));
  perform from pgflow.flows f where f.flow_slug = p_flow_slug for no key update;
  if (select array_agg(s.step_slug order by s.step_slug) from pgflow.steps s where s.flow_slug = p_flow_slug)
    is distinct from (select array_agg(o.slug order by o.slug) from unnest(p_step_slugs) o (slug))
  then
    raise exception 'these are not the steps of flow "%": %', p_flow_slug, array_to_string(p_step_slugs, ', ')
      using errcode = 'invalid_parameter_value';
  end if;

  -- Indexes are unique at every moment: first out of the way, then into place.
  select max(s.step_index) into v_highest from pgflow.steps s where s.flow_slug = p_flow_slug;
  update pgflow.steps s set step_index = v_highest + o.n
  from unnest(p_step_slugs) with ordinality o (slug, n)
  where s.flow_slug = p_flow_slug and s.step_slug = o.slug;
  update pgflow.steps s set step_index = o.n - 1
  from unnest(p_step_slugs) with ordinality o (slug, n)
  where s.flow_slug = p_flow_slug and s.step_slug = o.slug;
end;
$$;
