-- Schema pgflowc, version 1 -> none. The core, whoever installed it, stays as it is.

-- What enable_wakeup and tune_queue left at the queues' tables; settings that somebody chose differently stay.
do $$
declare
  v_table regclass;
begin
  for v_table in
    select t.tgrelid::regclass
    from pg_trigger t
    where t.tgname = 'pgflowc_wakeup' and t.tgfoid = 'pgflowc._wake_waiting_workers'::regproc
    order by t.tgrelid
  loop
    execute format('drop trigger pgflowc_wakeup on %s', v_table);
  end loop;

  for v_table in
    select c.oid::regclass
    from pg_class c
    where
      c.relnamespace = to_regnamespace('pgmq')
      and c.reloptions @> array[
        'fillfactor=70', 'autovacuum_vacuum_scale_factor=0', 'autovacuum_vacuum_threshold=1000',
        'autovacuum_vacuum_cost_delay=0'
      ]
    order by c.oid
  loop
    execute format(
      'alter table %s reset (
         fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay
       )',
      v_table
    );
  end loop;
end;
$$;

-- pg_cron would go on calling a function that is gone.
do $$
begin
  perform pgflowc._remove_cron_job(s.flow_slug) from pgflowc.schedules s where s.fired_by = 'pg_cron';
end;
$$;

-- All functions: nobody else keeps any in this schema. Nothing cascades: what others built on them stops it by name.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure from pg_proc p where p.pronamespace = 'pgflowc'::regnamespace order by p.proname
  loop
    execute format('drop function %s', v_function);
  end loop;
end;
$$;

drop table pgflowc.task_signals, pgflowc.awaited_signals, pgflowc.flow_versions, pgflowc.run_traces, pgflowc.retention, pgflowc.paused_queues, pgflowc.schedule_slots, pgflowc.schedules, pgflowc.waiting_workers, pgflowc.applied_migrations, pgflowc.installed_components;

drop type pgflowc.flow_traits;

-- A schema that an administrator made stays.
do $$
begin
  if (select pg_has_role(n.nspowner, 'usage') from pg_namespace n where n.nspname = 'pgflowc') then
    drop schema pgflowc;
  end if;
end;
$$;
