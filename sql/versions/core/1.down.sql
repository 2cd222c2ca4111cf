-- The core, version 1 -> none. helpers and pgflowc are gone before. Nothing here cascades: what others built on the core's
-- tables, or keep in its schema, stops it by name.

-- pg_cron would go on calling functions that are gone.
do $$
begin
  if to_regclass('cron.job') is not null then
    perform cron.unschedule(j.jobid)
    from cron.job j
    where
      j.database = current_database()
      and j.jobname in ('pgflow_requeue_stalled_tasks', 'pgflow_ensure_workers', 'pgflow_cleanup_logs');
  end if;
end;
$$;

-- The queues of flows; those of others stay.
select pgmq.drop_queue(q.queue_name::text)
from pgmq.list_queues() q
where lower(q.queue_name) in (select lower(f.flow_slug) from pgflow.flows f);

drop function if exists
  pgflow._advance_run,
  pgflow._approvals,
  pgflow._archive_task_message,
  pgflow._begin_approvals,
  pgflow._cascade_force_skip_steps,
  pgflow._chunk_map_inputs,
  pgflow._compare_flow_shapes,
  pgflow._create_flow_from_shape,
  pgflow._end_steps,
  pgflow._end_tasks,
  pgflow._events_wanted,
  pgflow._fail_run,
  pgflow._fail_type_violation,
  pgflow._forget_signals,
  pgflow._get_flow_shape,
  pgflow._has_signals,
  pgflow._map_element,
  pgflow._new_run_ids,
  pgflow._prune,
  pgflow._release_dependents,
  pgflow._requeue_stalled_tasks,
  pgflow._schedule,
  pgflow._send_event,
  pgflow._send_step_failed,
  pgflow._send_steps_skipped,
  pgflow._skip_failed_step,
  pgflow._sorted_set,
  pgflow._wrap_pattern,
  pgflow.add_step,
  pgflow.calculate_retry_delay,
  pgflow.cascade_complete_taskless_steps,
  pgflow.cascade_resolve_conditions,
  pgflow.cleanup_ensure_workers_logs,
  pgflow.complete_task,
  pgflow.create_flow,
  pgflow.delete_flow_and_data,
  pgflow.ensure_flow_compiled,
  pgflow.ensure_workers,
  pgflow.fail_task,
  pgflow.get_run_with_states,
  pgflow.is_local,
  pgflow.mark_worker_stopped,
  pgflow.maybe_complete_run,
  pgflow.poll_for_tasks,
  pgflow.prune_data_older_than,
  pgflow.requeue_stalled_tasks,
  pgflow.set_vt_batch,
  pgflow.setup_ensure_workers_cron,
  pgflow.setup_requeue_stalled_tasks_cron,
  pgflow.start_flow,
  pgflow.start_flow_with_states,
  pgflow.start_ready_steps,
  pgflow.track_worker_function,
  pgflow.unwatch_events,
  pgflow.watch_events,
  pgflow.start_tasks(text, bigint[], uuid),
  pgflow.start_tasks(text, bigint[], uuid, text);

drop table
  pgflow.event_listeners, pgflow.map_chunks, pgflow.step_tasks, pgflow.worker_functions, pgflow.workers, pgflow.step_states,
  pgflow.runs, pgflow.deps, pgflow.steps, pgflow.flows;

drop function pgflow.is_valid_slug; -- the tables' checks called it

drop type pgflow.step_task_record;

-- A schema that an administrator made stays.
do $$
begin
  if (select pg_has_role(n.nspowner, 'usage') from pg_namespace n where n.nspname = 'pgflow') then
    drop schema pgflow;
  end if;
end;
$$;
