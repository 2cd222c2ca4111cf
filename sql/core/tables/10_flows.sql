-- Flow definitions. Options hold for every step that does not set its own.
create table pgflow.flows (
  flow_slug text not null primary key,
  opt_max_attempts integer not null default 3,
  opt_base_delay integer not null default 1, -- seconds; create_flow writes 5 when none is given
  opt_timeout integer not null default 60, -- seconds
  created_at timestamptz not null default now(),
  constraint slug_is_valid check (pgflow.is_valid_slug(flow_slug)),
  constraint opt_max_attempts_is_nonnegative check (opt_max_attempts >= 0),
  constraint opt_base_delay_is_nonnegative check (opt_base_delay >= 0),
  constraint opt_timeout_is_positive check (opt_timeout > 0)
);

-- Two slugs that differ only in case would share one queue table.
create unique index idx_flows_normalized_slug on pgflow.flows (lower(flow_slug));
