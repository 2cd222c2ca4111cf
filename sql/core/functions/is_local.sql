-- pgflow.is_local(): is this a Supabase stack on somebody's machine, where data may be deleted without asking?
--
-- True when the setting app.settings.jwt_secret is the default that Supabase publishes for local stacks; false when it is unset.
-- Locks: none.
create or replace function pgflow.is_local()
returns boolean
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    current_setting('app.settings.jwt_secret', true) = 'super-secret-jwt-token-with-at-least-32-characters-long',
    false
  )
$$;
