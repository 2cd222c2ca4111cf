-- pgflowc.require_pg_cron(p_job): refuse to go on unless pg_cron can keep schedules in this database, in UTC, and no other role has a job
-- of this name: both would fire.
--
-- For migrations that call cron.schedule, which does not ask. Raises object_not_in_prerequisite_state where the extension is not in this
-- database, or its library runs the jobs of another one or none; insufficient_privilege if this role may not use schema cron;
-- invalid_parameter_value if it goes by another time zone; duplicate_object for another role's job. What a role may not see, as such jobs
-- unless it is a superuser, is taken for right.
-- Locks: none.
create or replace function pgflowc.require_pg_cron(p_job text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_utc constant text[] := '{UTC,GMT,Etc/UTC,Etc/GMT}';
  c_way_out constant text := 'Or let workers start the runs: cron = "worker" under [target] in pgflowc.toml, and compile';
  v_database text;
  v_owner text;
  v_timezone text := pgflowc._pg_cron_timezone();
begin
  begin
    v_database := nullif(current_setting('cron.database_name', true), '');
  exception
    when insufficient_privilege then
      v_database := current_database();
  end;

  if v_database is distinct from current_database() or to_regnamespace('cron') is null then
    raise exception 'pg_cron cannot start runs in database "%"', current_database()
      using errcode = 'object_not_in_prerequisite_state',
        detail = case
          when v_database is null then 'Its library is not loaded: add pg_cron to shared_preload_libraries'
          when v_database <> current_database() then format('It runs jobs of database "%s": see the setting cron.database_name', v_database)
          else 'Its extension is not there: create extension pg_cron'
        end,
        hint = c_way_out;
  elsif not has_schema_privilege('cron', 'usage') then
    raise exception 'role "%" may not make jobs of pg_cron', current_user
      using errcode = 'insufficient_privilege', hint = format('grant usage on schema cron to %I', current_user);
  elsif v_timezone <> all (c_utc) then
    raise exception 'pg_cron keeps schedules in the time zone %, and this one is in UTC', v_timezone
      using errcode = 'invalid_parameter_value', detail = 'Its time zone is the setting cron.timezone', hint = c_way_out;
  end if;

  select j.username into v_owner
  from cron.job j
  where j.jobname = p_job and j.database = current_database() and j.username <> current_user
  limit 1;
  if found then
    raise exception 'job "%" of pg_cron belongs to role "%", and would fire beside that of "%"', p_job, v_owner, current_user
      using errcode = 'duplicate_object', hint = format('Do this as %I, or remove that job first: delete from cron.job where jobname = %L', v_owner, p_job);
  end if;
end;
$$;
