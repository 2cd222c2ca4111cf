-- pgflowc._payload_fault(p_schema, p_value, p_path, p_root): the first thing in p_value that a JSON Schema does not allow; NULL if all is well.
--
-- Knows what the compiler writes of payload types: type (one or several), enum, anyOf, items, properties, required, additionalProperties,
-- format, and $ref to $defs of p_root, which is p_schema itself at first. Anything else allows everything. p_path is where p_value is, for
-- the text.
-- Locks: none.
create or replace function pgflowc._payload_fault(p_schema jsonb, p_value jsonb, p_path text default 'payload', p_root jsonb default null)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_root constant jsonb := coalesce(p_root, p_schema);
  v_kind constant text := jsonb_typeof(p_value);
  v_instead constant text := format('%s: %s instead of ', p_path, v_kind);
  v_kinds text[];
  v_types text[];
  v_text text;
  v_item record;
  v_fault text;
begin
  if p_schema ? '$ref' then
    return pgflowc._payload_fault(
      v_root -> '$defs' -> substr(p_schema ->> '$ref', length('#/$defs/') + 1), p_value, p_path, v_root
    );
  elsif p_schema ? 'anyOf' then
    for v_item in select e.value from jsonb_array_elements(p_schema -> 'anyOf') e (value) loop
      v_text := pgflowc._payload_fault(v_item.value, p_value, p_path, v_root);
      if v_text is null then
        return null;
      end if;
      -- Of several that do not fit, the one that looks deepest into the value says most; a mere kind says least, and all of them are told.
      if starts_with(v_text, v_instead) then
        v_kinds := v_kinds || string_to_array(substr(v_text, length(v_instead) + 1), ' or ');
      elsif v_fault is null or length(split_part(v_text, ':', 1)) > length(split_part(v_fault, ':', 1)) then
        v_fault := v_text;
      end if;
    end loop;
    return coalesce(v_fault, v_instead || (
      select string_agg(x.kind, ' or ' order by x.n)
      from (select u.kind, min(u.n) as n from unnest(v_kinds) with ordinality u (kind, n) group by u.kind) x
    ));
  elsif p_schema ? 'enum' then
    if exists (select from jsonb_array_elements(p_schema -> 'enum') e (value) where e.value = p_value) then
      return null;
    end if;
    select string_agg(e.value::text, ', ' order by e.n) into v_text
    from jsonb_array_elements(p_schema -> 'enum') with ordinality e (value, n);
    return format('%s: %s is none of %s', p_path, left(p_value::text, 60), v_text);
  end if;

  if p_schema ? 'type' then
    v_types := case jsonb_typeof(p_schema -> 'type')
      when 'array' then array(select jsonb_array_elements_text(p_schema -> 'type'))
      else array[p_schema ->> 'type']
    end;
    if v_kind = 'number' and v_types && '{number,integer}' then
      if not pgflowc._is_readable_number((p_value #>> '{}')::numeric, v_types, p_schema ->> 'format') then
        return format(
          '%s: %s is no %s', p_path, left(p_value::text, 60),
          case p_schema ->> 'format' when 'decimal' then 'exact decimal, write it as a string' else array_to_string(v_types, ' or ') end
        );
      end if;
    elsif v_kind <> all (v_types) then
      return format('%s: %s instead of %s', p_path, v_kind, array_to_string(v_types, ' or '));
    end if;
  end if;

  case v_kind
    when 'string' then
      if p_schema ? 'format' and not pgflowc._is_readable_text(p_value #>> '{}', p_schema ->> 'format') then
        return format('%s: %s is no %s', p_path, left(p_value::text, 60), p_schema ->> 'format');
      end if;
    when 'array' then
      if p_schema ? 'items' then
        for v_item in select e.value, e.n from jsonb_array_elements(p_value) with ordinality e (value, n) loop
          v_fault := pgflowc._payload_fault(p_schema -> 'items', v_item.value, format('%s[%s]', p_path, v_item.n - 1), v_root);
          if v_fault is not null then
            return v_fault;
          end if;
        end loop;
      end if;
    when 'object' then
      select r.name into v_text
      from jsonb_array_elements_text(p_schema -> 'required') with ordinality r (name, n)
      where not p_value ? r.name
      order by r.n
      limit 1;
      if found then
        return format('%s: %s is missing', p_path, quote_ident(v_text));
      end if;
      for v_item in select e.key, e.value from jsonb_each(p_value) e order by e.key loop
        if p_schema -> 'properties' ? v_item.key then
          v_fault := pgflowc._payload_fault(
            p_schema -> 'properties' -> v_item.key, v_item.value, format('%s.%s', p_path, v_item.key), v_root
          );
        elsif p_schema -> 'additionalProperties' = 'false' then
          v_fault := format('%s: %s is no field of it', p_path, quote_ident(v_item.key));
        elsif jsonb_typeof(p_schema -> 'additionalProperties') = 'object' then
          v_fault := pgflowc._payload_fault(
            p_schema -> 'additionalProperties', v_item.value, format('%s.%s', p_path, v_item.key), v_root
          );
        end if;
        if v_fault is not null then
          return v_fault;
        end if;
      end loop;
    else
      null;
  end case;
  return null;
end;
$$;
