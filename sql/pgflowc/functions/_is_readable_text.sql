-- pgflowc._is_readable_text(p_text, p_format): whether handlers read this text as that format; any text as one that is not known here.
--
-- Narrower than Python in places, never wider: what is let through here must not fail in a handler.
-- Locks: none.
create or replace function pgflowc._is_readable_text(p_text text, p_format text)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_date constant text := '[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])';
  c_time constant text := '(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?';
begin
  if p_format = 'base64' then
    return length(p_text) % 4 = 0 and p_text ~ '^[A-Za-z0-9+/]*={0,2}$';
  elsif p_text !~ (case p_format
    when 'date' then format('^%s$', c_date)
    when 'time' then format('^%s$', c_time)
    when 'date-time' then format('^%s[Tt ]%s$', c_date, c_time)
    when 'uuid' then '^[0-9A-Fa-f]{8}(?:(?:-[0-9A-Fa-f]{4}){3}-|[0-9A-Fa-f]{12})[0-9A-Fa-f]{12}$'
    when 'decimal' then '^\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,17})?\s*$'
    else ''
  end) then
    return false;
  elsif p_format in ('date', 'date-time') then
    -- There is no year 0, and months end when they end.
    return p_text !~ '^0000' and substr(p_text, 9, 2)::integer <= extract(
      day from make_date(left(p_text, 4)::integer, substr(p_text, 6, 2)::integer, 1) + interval '1 month - 1 day'
    );
  end if;
  return true;
end;
$$;
