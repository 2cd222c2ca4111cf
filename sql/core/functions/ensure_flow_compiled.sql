-- pgflow.ensure_flow_compiled(flow_slug, shape, allow_data_loss): make the stored definition agree with a shape, as a worker does at start.
--
-- Returns {"status", "differences"}: compiled (the flow was absent and is created), verified (they agree), recompiled (they differ, and
-- the flow with all its data was deleted and created again, which takes is_local() or allow_data_loss), mismatch (they differ; nothing
-- was done).
-- Locks: advisory (1, hash of the lowercased slug), so that workers starting at once compile once; then as the functions it calls.
create or replace function pgflow.ensure_flow_compiled(
  flow_slug text,
  shape jsonb,
  allow_data_loss boolean default false
)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_flow_slug constant text := ensure_flow_compiled.flow_slug;
  v_shape constant jsonb := ensure_flow_compiled.shape;
  v_differences text[] := '{}';
  v_status text;
begin
  perform pg_advisory_xact_lock(1, hashtext(lower(v_flow_slug)));

  if not exists (select from pgflow.flows f where f.flow_slug = v_flow_slug) then
    perform pgflow._create_flow_from_shape(v_flow_slug, v_shape);
    v_status := 'compiled';
  else
    v_differences := pgflow._compare_flow_shapes(v_shape, pgflow._get_flow_shape(v_flow_slug));
    if cardinality(v_differences) = 0 then
      v_status := 'verified';
    elsif pgflow.is_local() or coalesce(ensure_flow_compiled.allow_data_loss, false) then
      perform pgflow.delete_flow_and_data(v_flow_slug);
      perform pgflow._create_flow_from_shape(v_flow_slug, v_shape);
      v_status := 'recompiled';
    else
      v_status := 'mismatch';
    end if;
  end if;

  return jsonb_build_object('status', v_status, 'differences', to_jsonb(v_differences));
end;
$$;
