-- pgflow.track_worker_function(function_name, start_mode): enter a deployment, or note that it was seen again.
--
-- For a known one only updated_at changes. start_mode: http (the starter pings it) or process (something else starts it).
-- Locks: the deployment's row.
create or replace function pgflow.track_worker_function(function_name text, start_mode text default 'http')
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into pgflow.worker_functions as w (function_name, start_mode, updated_at)
  values (track_worker_function.function_name, track_worker_function.start_mode, clock_timestamp())
  on conflict (function_name) do update set updated_at = clock_timestamp()
$$;
