-- pgflow.is_valid_slug(slug): may this text name a flow or a step?
--
-- True for 1 to 128 ASCII letters, digits and underscores that do not begin with a digit and are not the word `run`.
-- NULL is not a slug. Stands with the tables because their checks call it.
-- Locks: none.
create or replace function pgflow.is_valid_slug(slug text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    slug is not null
    and length(slug) <= 128
    and slug ~ '^[a-zA-Z_][a-zA-Z0-9_]*$'
    and slug <> 'run'
$$;
