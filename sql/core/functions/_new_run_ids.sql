-- pgflow._new_run_ids(p_number): so many ids for new runs.
--
-- UUIDs of version 7: the time in milliseconds, then random bits. Rows of runs that start together lie together in the indexes,
-- instead of one on each page.
-- Locks: none.
create or replace function pgflow._new_run_ids(p_number integer)
returns uuid[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_time constant text := lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0');
  v_prefix constant text := left(v_time, 8) || '-' || right(v_time, 4) || '-7';
begin
  return array(select (v_prefix || substr(gen_random_uuid()::text, 16))::uuid from generate_series(1, p_number));
end;
$$;
