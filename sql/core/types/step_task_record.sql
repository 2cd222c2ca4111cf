-- A claimed task as start_tasks hands it to a worker. Seven attributes in this order; readers should go by name.
create type pgflow.step_task_record as (
  flow_slug text,
  run_id uuid,
  step_slug text,
  input jsonb,
  msg_id bigint,
  task_index integer,
  flow_input jsonb -- the run's input, only for root single steps
);
