-- pgflowc._require_stored(p_what, p_stored, p_before, p_after): raise unless p_before is what is stored, key by key.
--
-- p_before and p_after must have the same keys, and only keys of p_stored. p_what names the row in messages.
-- Locks: none.
create or replace function pgflowc._require_stored(p_what text, p_stored jsonb, p_before jsonb, p_after jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text;
begin
  for v_key in
    select k.key
    from (select jsonb_object_keys(p_before) union select jsonb_object_keys(p_after)) k (key)
    order by k.key
  loop
    if not p_stored ? v_key or not p_before ? v_key or not p_after ? v_key then
      raise exception '"%" cannot be changed in %', v_key, p_what
        using errcode = 'invalid_parameter_value',
          detail = format('Before and after name the same of these: %s.', (
            select string_agg(s.key, ', ' order by s.key) from jsonb_object_keys(p_stored) s (key)
          ));
    end if;
    if p_stored -> v_key <> p_before -> v_key then
      raise exception '% has % %, where % was expected', p_what, v_key, p_stored -> v_key, p_before -> v_key
        using errcode = 'object_not_in_prerequisite_state',
          hint = 'It was changed after the last migration. Put the expected value back, then apply this again.';
    end if;
  end loop;
end;
$$;
