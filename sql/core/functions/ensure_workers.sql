-- pgflow.ensure_workers(): ping the worker functions that have no worker alive (Supabase: edge functions, through pg_net).
--
-- Looks at enabled functions with start_mode http that were not pinged within their debounce. A worker is alive while it is neither
-- stopped nor deprecated and its heartbeat is younger than the debounce. Returns a row per function pinged, with pg_net's request id.
-- On a local stack every such function is pinged at the address of the local gateway; elsewhere the address comes from the secret
-- supabase_project_id and the key from supabase_service_role_key. Raises, when there is something to ping, without pg_net or secrets.
-- Security definer. Locks: the functions' rows, passing over locked ones, so that two starters at once ping once.
create or replace function pgflow.ensure_workers()
returns table (function_name text, invoked boolean, request_id bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_due text[];
  v_url text;
  v_key text;
begin
  select array_agg(d.function_name order by d.function_name) into v_due
  from (
    select f.function_name
    from pgflow.worker_functions f
    where
      f.enabled
      and f.start_mode = 'http'
      and (f.last_invoked_at is null or f.last_invoked_at < clock_timestamp() - f.debounce)
      and not exists (
        select
        from pgflow.workers w
        where
          w.function_name = f.function_name
          and w.stopped_at is null
          and w.deprecated_at is null
          and w.last_heartbeat_at > clock_timestamp() - f.debounce
      )
    for update skip locked
  ) d;
  if v_due is null then
    return;
  end if;

  if to_regnamespace('net') is null then
    raise exception 'cannot ping worker functions: pg_net is not installed in this database'
      using errcode = 'feature_not_supported',
        hint = 'Start workers as processes, and track them with start_mode => ''process''.';
  end if;

  if pgflow.is_local() then
    v_url := 'http://kong:8000/functions/v1/';
    v_key := '';
  else
    select 'https://' || s.decrypted_secret || '.supabase.co/functions/v1/' into v_url
    from vault.decrypted_secrets s
    where s.name = 'supabase_project_id';
    select s.decrypted_secret into v_key
    from vault.decrypted_secrets s
    where s.name = 'supabase_service_role_key';
    if v_url is null or v_key is null then
      raise exception 'cannot ping worker functions: a secret is missing'
        using hint = 'Store supabase_project_id and supabase_service_role_key in the vault.';
    end if;
  end if;

  update pgflow.worker_functions f set last_invoked_at = clock_timestamp() where f.function_name = any (v_due);

  return query
  select
    d.name,
    true,
    net.http_post(
      url => v_url || d.name,
      body => '{}'::jsonb,
      headers => jsonb_build_object('Content-Type', 'application/json', 'Authorization', 'Bearer ' || v_key)
    )
  from unnest(v_due) d (name);
end;
$$;
