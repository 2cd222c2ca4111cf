-- Whoever defines, changes or deletes flows tells the workers that serve flows by a pattern. On the tables of a core that somebody else
-- installed, and whose owner has not let us, there is none: workers look by the clock then.
do $$
declare
  v_table regclass;
begin
  foreach v_table in array '{pgflow.flows, pgflow.steps}'::regclass[] loop
    if has_table_privilege(v_table, 'trigger') then
      execute format(
        'create trigger pgflowc_flow_changes after insert or update or delete on %s
         for each statement execute function pgflowc._tell_flow_changes()',
        v_table
      );
    end if;
  end loop;
end;
$$;
