-- pgflowc._has_wakeup(p_table): is the trigger of enable_wakeup on this queue table?
--
-- Locks: none.
create or replace function pgflowc._has_wakeup(p_table regclass)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_catalog.pg_trigger t where t.tgrelid = p_table and t.tgname = 'pgflowc_wakeup'
  )
$$;
