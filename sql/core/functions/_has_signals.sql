-- pgflow._has_signals(): whether there is a schema pgflowc whose functions may run with the rights of the current role.
--
-- For functions that run as the core's owner and look into that schema: it counts as absent unless it is open to that role, and its tables
-- belong to somebody who has the rights of that role anyway. So nobody else's functions are executed with them. Locks: none.
create or replace function pgflow._has_signals()
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  -- By the catalogues: looking up a name in a schema that is closed raises.
  select exists (
    select
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'task_signals'
    where n.nspname = 'pgflowc' and has_schema_privilege(n.oid, 'usage') and pg_has_role(c.relowner, current_user, 'usage')
  )
$$;
