-- pgflowc._tell_flow_changes(): the trigger that triggers/flow_changes.sql attaches to pgflow.flows and pgflow.steps. Tells workers that serve
-- flows by a pattern: NOTIFY pgflowc_flows, once for each transaction that defines, changes or deletes flows, which is seldom.
--
-- Locks: none.
create or replace function pgflowc._tell_flow_changes()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  notify pgflowc_flows;
  return null;
end;
$$;
