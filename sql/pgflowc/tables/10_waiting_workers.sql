-- Workers that sleep until a message arrives in a queue. While an unexpired row exists for a queue, inserts into it notify.
-- Unlogged: after a crash the workers find their connections closed and announce themselves again.
create unlogged table pgflowc.waiting_workers (
  queue_name text not null, -- as the flow's slug is spelled
  worker_id uuid not null,
  expires_at timestamptz not null,
  known_since timestamptz, -- transactions that began later see the row, which has been valid ever since; null: maybe not committed yet
  constraint waiting_workers_pkey primary key (queue_name, worker_id)
);
