-- What 1.down.sql deletes: which flows are jobs.
select 'marks of jobs', count(*) from pgflow.flows f where f.flow_type <> 'flow'
