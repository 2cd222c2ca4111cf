-- Who wants events on the channel `pgflow_events`. Empty on most systems, and then events cost one look at it.
-- Unlogged: a crash ends the listeners' connections too, and they register again.
create unlogged table pgflow.event_listeners (
  scope text not null, -- '*', 'flow:SLUG' or 'run:RUN_ID'
  listener_id uuid not null,
  expires_at timestamptz not null,
  constraint event_listeners_pkey primary key (scope, listener_id)
);
