-- pgflowc._pg_cron_timezone(): the time zone in which pg_cron keeps all schedules of this server.
--
-- That of the setting cron.timezone, if its library knows that: before version 1.5 it goes by GMT, whatever somebody wrote into
-- postgresql.conf, and a setting that no library knows is not in pg_settings. Roles without pg_read_all_settings do not see it there
-- either, and are told GMT, the default.
-- Locks: none.
create or replace function pgflowc._pg_cron_timezone()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select nullif(s.setting, '') from pg_catalog.pg_settings s where s.name = 'cron.timezone'),
    'GMT'
  )
$$;
