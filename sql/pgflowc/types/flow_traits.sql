-- What the batch functions have to know of a flow and its queue; see pgflowc._flow_traits.
create type pgflowc.flow_traits as (
  flow_slug text,
  queue_table text, -- in schema pgmq, not quoted
  has_last_read_at boolean, -- pgmq 1.10 and later
  opt_timeout integer, -- seconds
  has_conditions boolean, -- some step has a pattern
  has_maps boolean,
  feeds_maps boolean, -- some map has a dependency, so outputs have to be arrays
  has_chunks boolean -- the core cuts large arrays into pgflow.map_chunks
);
