-- pgflowc._is_crontab(p_schedule): does every cron read this schedule as workers do?
--
-- Five fields of *, */n, and lists of values and of ranges that end later than they begin; or a name such as @hourly. Not L for the last day,
-- fri#2 for the second Friday, nor */n for days beside other days: there crons differ on whether one of both is enough.
-- Locks: none.
create or replace function pgflowc._is_crontab(p_schedule text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_days constant text[] := '{sun,mon,tue,wed,thu,fri,sat}';
  c_months constant text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
  c_value constant text := format('(?:[0-9]{1,2}|%s|%s)', array_to_string(c_days, '|'), array_to_string(c_months, '|'));
  v_fields text[] := string_to_array(lower(p_schedule), ' ');
  v_bounds integer[];
  v_part text;
begin
  if p_schedule in ('@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually') then
    return true;
  elsif cardinality(v_fields) <> 5 then
    return false;
  elsif '*' <> all (array[v_fields[3], v_fields[5]]) and (v_fields[3] || v_fields[5]) ~ '\*' then
    return false;
  end if;

  foreach v_part in array v_fields loop
    continue when v_part ~ '^\*(?:/[1-9][0-9]?)?$';
    foreach v_part in array string_to_array(v_part, ',') loop
      if v_part !~ format('^%1$s(?:-%1$s(?:/[1-9][0-9]?)?)?$', c_value) then
        return false;
      end if;
      select
        array_agg(
          coalesce(array_position(c_days, b.bound) - 1, array_position(c_months, b.bound), b.bound::integer) order by b.place
        )
      into v_bounds
      from unnest(string_to_array(split_part(v_part, '/', 1), '-')) with ordinality b (bound, place);
      if v_bounds[1] >= v_bounds[2] then
        return false;
      end if;
    end loop;
  end loop;
  return true;
end;
$$;
