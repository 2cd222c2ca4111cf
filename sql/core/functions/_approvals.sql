-- pgflow._approvals(p_flow_slug): the steps of a flow that only a signal completes; NULL when there are none, or no schema pgflowc.
--
-- Security definer: whoever may start a run need not have rights on pgflowc. Locks: none.
create or replace function pgflow._approvals(p_flow_slug text)
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not pgflow._has_signals() then
    return null;
  end if;
  return (
    select array_agg(a.step_slug) from pgflowc.awaited_signals a where a.flow_slug = p_flow_slug and a.is_approval
  );
end;
$$;
