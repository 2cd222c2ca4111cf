-- What down.sql deletes beyond the queues of flows, which go with the core: other applications' queues.
select 'queues of other applications', count(*)
from pgmq.list_queues() q
where not exists (select from pgflow.flows f where lower(f.flow_slug) = lower(q.queue_name))
