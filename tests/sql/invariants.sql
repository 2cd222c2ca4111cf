-- What must not exist, however many have worked on a database at once. {flow} stands for a flow; messages are looked at for that one.

select 'a run counts its remaining steps' as broken, r.run_id, null as step_slug, null::integer as task_index
from pgflow.runs r
where r.status <> 'failed' and r.remaining_steps <> (
  select count(*) from pgflow.step_states s
  where s.run_id = r.run_id and s.status not in ('completed', 'skipped')
)

union all
select 'a run without remaining steps is completed', r.run_id, null, null
from pgflow.runs r
where r.status <> 'failed' and (r.remaining_steps = 0) <> (r.status = 'completed')

union all
select 'a run knows when it ended', r.run_id, null, null
from pgflow.runs r
where (r.status = 'completed') <> (r.completed_at is not null) or (r.status = 'failed') <> (r.failed_at is not null)

union all
select 'a waiting step counts its unfinished dependencies, and has one', s.run_id, s.step_slug, null
from pgflow.step_states s
join pgflow.runs r using (run_id)
where s.status = 'created' and r.status = 'started' and (s.remaining_deps = 0 or s.remaining_deps <> (
  select count(*)
  from pgflow.deps d
  join pgflow.step_states p on p.run_id = s.run_id and p.step_slug = d.dep_slug
  where d.flow_slug = s.flow_slug and d.step_slug = s.step_slug and p.status not in ('completed', 'skipped')
))

union all
select 'a started step counts its unfinished tasks', s.run_id, s.step_slug, null
from pgflow.step_states s
join pgflow.runs r using (run_id)
where s.status = 'started' and r.status = 'started' and s.remaining_tasks <> (
  select count(*) from pgflow.step_tasks t
  where t.run_id = s.run_id and t.step_slug = s.step_slug and t.status in ('queued', 'started', 'waiting')
)

union all
select 'a completed step has all its tasks completed', s.run_id, s.step_slug, null
from pgflow.step_states s
where s.status = 'completed' and s.initial_tasks <> (
  select count(*) from pgflow.step_tasks t
  where t.run_id = s.run_id and t.step_slug = s.step_slug and t.status = 'completed'
)

union all
select 'what is over has no active tasks', t.run_id, t.step_slug, t.task_index
from pgflow.step_tasks t
join pgflow.runs r using (run_id)
join pgflow.step_states s using (run_id, step_slug)
where t.status in ('queued', 'started', 'waiting') and (r.status <> 'started' or s.status <> 'started')

union all
select 'an active task has its message in the queue, and no other has', t.run_id, t.step_slug, t.task_index
from pgflow.step_tasks t
left join pgmq.q_{flow} q on q.msg_id = t.message_id
left join pgmq.a_{flow} a on a.msg_id = t.message_id
where t.flow_slug = '{flow}' and (
  (q.msg_id is not null) <> (t.status in ('queued', 'started') and t.permanently_stalled_at is null)
  or (q.msg_id is not null and a.msg_id is not null) -- pruning takes messages from the archive, so either may be missing
)

union all
select 'a message belongs to a task', (q.message ->> 'run_id')::uuid, q.message ->> 'step_slug', (q.message ->> 'task_index')::integer
from pgmq.q_{flow} q
where not exists (select from pgflow.step_tasks t where t.flow_slug = '{flow}' and t.message_id = q.msg_id)
