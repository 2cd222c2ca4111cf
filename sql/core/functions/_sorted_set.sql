-- pgflow._sorted_set(p_slugs): the distinct texts of a JSON array, sorted, with comma and blank between. Locks: none.
create or replace function pgflow._sorted_set(p_slugs jsonb)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(string_agg(d.slug, ', ' order by d.slug), '')
  from (
    select distinct e.slug collate "C" as slug
    from jsonb_array_elements_text(case when jsonb_typeof(p_slugs) = 'array' then p_slugs else '[]'::jsonb end) e (slug)
  ) d
$$;
