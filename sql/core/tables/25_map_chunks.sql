-- Large arrays under a map step, cut into chunks when the step starts, so that a claim reads a chunk instead of the whole array
-- for each task. Arrays that are a single chunk have no row here: the claim reads them where they are. Chunk sizes are decided in
-- _chunk_map_inputs. A completed step's chunks are deleted; those of a step that failed or was skipped go with their run.
create table pgflow.map_chunks (
  run_id uuid not null,
  step_slug text not null,
  first_index integer not null, -- task_index of elements[0]
  elements jsonb not null,
  constraint map_chunks_pkey primary key (run_id, step_slug, first_index),
  constraint map_chunks_run_id_fkey foreign key (run_id) references pgflow.runs (run_id) on delete cascade
);
