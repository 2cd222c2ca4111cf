-- What the batch functions have to know of a flow and its queue; see pgflowc._flow_traits.
create type pgflowc.flow_traits as (
  flow_slug text,
  queue_table text, -- in schema pgmq, not quoted
  has_last_read_at boolean, -- pgmq 1.10 and later
  opt_timeout integer, -- seconds
  has_conditions boolean, -- some step has a pattern
  has_maps boolean,
  map_sources text[], -- single steps that feed a map, so that they have to return arrays; NULL when there are none
  has_chunks boolean, -- the core cuts large arrays into pgflow.map_chunks
  approvals text[] -- steps that only a signal completes; NULL when there are none
);
