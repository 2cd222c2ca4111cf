-- Queues of which no task is claimed until resume_queue: pause_queue writes a row, claims look for it. No foreign key: a flow that is
-- deleted and defined anew by a migration stays paused.
create table pgflowc.paused_queues (
  flow_slug text not null primary key,
  reason text, -- for people
  paused_at timestamptz not null default now()
);
