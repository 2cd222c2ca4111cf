-- Deployments that the starter (ensure_workers) may call to have a worker.
create table pgflow.worker_functions (
  function_name text not null primary key,
  enabled boolean not null default true,
  debounce interval not null default '6 seconds',
  last_invoked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  start_mode text not null default 'http', -- process: something else starts it, the starter leaves it alone
  constraint worker_functions_debounce_check check (debounce >= interval '1 second'),
  constraint start_mode_is_valid check (start_mode in ('http', 'process'))
);
