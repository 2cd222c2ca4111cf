-- A job is a flow of one step that people think of as a single task; migrations mark it.
alter table pgflow.flows
  add column flow_type text not null default 'flow'
  constraint flow_type_is_valid check (flow_type in ('flow', 'job'));
