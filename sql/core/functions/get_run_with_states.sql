-- pgflow.get_run_with_states(run_id): {"run": row, "steps": [rows]} of pgflow.runs and pgflow.step_states; NULL for an unknown run.
--
-- Security definer, for client applications without rights on the tables. Locks: none.
create or replace function pgflow.get_run_with_states(run_id uuid)
returns jsonb
language sql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off -- a plan made while the tables were empty may be kept
as $$
  select jsonb_build_object(
    'run', to_jsonb(r),
    'steps', coalesce(
      (select jsonb_agg(to_jsonb(s)) from pgflow.step_states s where s.run_id = r.run_id),
      '[]'::jsonb
    )
  )
  from pgflow.runs r
  where r.run_id = get_run_with_states.run_id
$$;
