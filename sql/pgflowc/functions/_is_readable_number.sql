-- pgflowc._is_readable_number(p_number, p_types, p_format): whether handlers read this number as one of these types of JSON Schema.
--
-- They read a number with a point as a float, in which more than 15 digits would be rounded, and one without as an integer of any size, up
-- to the 4300 digits that Python takes.
-- Locks: none.
create or replace function pgflowc._is_readable_number(p_number numeric, p_types text[], p_format text)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_format = 'decimal' then
      case when scale(p_number) = 0 then abs(p_number) < 1e4300
        else length(btrim(replace(p_number::text, '.', ''), '-0')) <= 15 and abs(p_number) < 1e308
      end
    else
      'number' = any (p_types) and abs(p_number) <= 1.7976931348623157e308
      or 'integer' = any (p_types) and p_number % 1 = 0 and abs(p_number) < (case when scale(p_number) = 0 then 1e4300 else 1e18 end)
  end
$$;
