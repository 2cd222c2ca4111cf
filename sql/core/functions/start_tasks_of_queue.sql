-- pgflow.start_tasks(flow_slug, msg_ids, worker_id, queue_name): the claim as later generations of workers call it.
--
-- queue_name must be the flow's queue in lower case; anything else, NULL included, matches no task.
-- Locks: as start_tasks with three arguments.
create or replace function pgflow.start_tasks(flow_slug text, msg_ids bigint[], worker_id uuid, queue_name text)
returns setof pgflow.step_task_record
language sql
set search_path = pg_catalog, pg_temp
as $$
  select t.*
  from pgflow.start_tasks(start_tasks.flow_slug, start_tasks.msg_ids, start_tasks.worker_id) t
  where start_tasks.queue_name = lower(start_tasks.flow_slug)
$$;
