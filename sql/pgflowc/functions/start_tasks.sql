-- pgflowc.start_tasks(p_flow_slug, p_msg_ids, p_worker_id): pgflow.start_tasks, with the attempt and when it began.
--
-- attempts_count is the attempt now beginning, from 1. Works on a core that has only the four-argument claim, too.
-- Locks: as pgflow.start_tasks.
create or replace function pgflowc.start_tasks(p_flow_slug text, p_msg_ids bigint[], p_worker_id uuid)
returns table (
  flow_slug text,
  run_id uuid,
  step_slug text,
  input jsonb,
  msg_id bigint,
  task_index integer,
  flow_input jsonb,
  attempts_count integer,
  started_at timestamptz
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_claimed pgflow.step_task_record[];
begin
  -- Two statements: what the claim wrote is visible only to the one after it.
  if to_regprocedure('pgflow.start_tasks(text, bigint[], uuid)') is not null then
    v_claimed := array(select c from pgflow.start_tasks(p_flow_slug, p_msg_ids, p_worker_id) c);
  else
    v_claimed := array(select c from pgflow.start_tasks(p_flow_slug, p_msg_ids, p_worker_id, lower(p_flow_slug)) c);
  end if;

  return query
  select
    c.flow_slug, c.run_id, c.step_slug, c.input, c.msg_id, c.task_index, c.flow_input, t.attempts_count, t.started_at
  from unnest(v_claimed) c
  join pgflow.step_tasks t on t.run_id = c.run_id and t.step_slug = c.step_slug and t.task_index = c.task_index
  order by c.msg_id;
end;
$$;
