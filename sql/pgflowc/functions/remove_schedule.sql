-- pgflowc.remove_schedule(p_flow_slug): the flow no longer starts by itself. Returns whether it did.
--
-- Locks: the flow's schedule.
create or replace function pgflowc.remove_schedule(p_flow_slug text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  delete from pgflowc.schedules s where s.flow_slug = p_flow_slug;
  return found;
end;
$$;
