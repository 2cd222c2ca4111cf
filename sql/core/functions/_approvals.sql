-- pgflow._approvals(p_flow_slug): the steps of a flow that only a signal completes; NULL when there are none, or no schema pgflowc.
--
-- Security definer: whoever may start a run need not have rights on pgflowc. So that schema counts as absent unless its tables belong to
-- somebody who has the rights of this function's owner anyway: nobody else's functions are executed with them. Locks: none.
create or replace function pgflow._approvals(p_flow_slug text)
returns text[]
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_class c where c.oid = to_regclass('pgflowc.awaited_signals') and pg_has_role(c.relowner, current_user, 'usage')
  ) then
    return null;
  end if;
  return (
    select array_agg(a.step_slug) from pgflowc.awaited_signals a where a.flow_slug = p_flow_slug and a.is_approval
  );
end;
$$;
