-- The helpers, version 1 -> none.
drop function if exists
  pgflow.delay_run,
  pgflow.flow_exists,
  pgflow.get_flow_input,
  pgflow.get_step_output,
  pgflow.prune_data_older_than(interval, text[]),
  pgflow.recover_stalled_tasks,
  pgflow.register_worker;

alter table pgflow.flows drop column flow_type;
