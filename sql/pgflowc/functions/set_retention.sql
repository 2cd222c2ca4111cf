-- pgflowc.set_retention(p_flow_slug, p_completed, p_failed): keep runs of the flow that long after they end, cancelled ones as failed ones.
-- All versions of it, if it is a name with versions. NULL keeps them for ever.
--
-- Replaces what was set before. Raises foreign_key_violation for an unknown flow.
-- Locks: the flow's row of retention.
create or replace function pgflowc.set_retention(p_flow_slug text, p_completed interval, p_failed interval)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pgflow.flows f where f.flow_slug = pgflowc.current_flow(p_flow_slug)) then
    raise exception 'flow "%" is not defined', p_flow_slug
      using errcode = 'foreign_key_violation', hint = 'Define the flow before its retention.';
  end if;
  insert into pgflowc.retention as r (flow_slug, completed, failed)
  values (p_flow_slug, p_completed, p_failed)
  on conflict on constraint retention_pkey do update
  set completed = excluded.completed, failed = excluded.failed, updated_at = now();
end;
$$;
