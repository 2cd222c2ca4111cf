-- pgflowc._require_waiting(): raise feature_not_supported on a core whose tasks cannot be `waiting`: one that another project installed.
--
-- Locks: none.
create or replace function pgflowc._require_waiting()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from pg_catalog.pg_constraint c
    where
      c.conrelid = 'pgflow.step_tasks'::regclass
      and c.conname = 'valid_status'
      and strpos(pg_get_constraintdef(c.oid), quote_literal('waiting')) = 0
  ) then
    raise exception 'tasks of this core cannot wait for signals'
      using errcode = 'feature_not_supported', hint = 'Another project installed schema pgflow; pgflowc''s own core has waiting tasks.';
  end if;
end;
$$;
