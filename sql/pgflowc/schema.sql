-- Everything that is ours and not in the contract of schema pgflow: it also installs beside a core that another
-- member of the family installed.
-- An administrator may have made the schema beforehand, as with pgflow.
do $$
begin
  if to_regnamespace('pgflowc') is null then
    create schema pgflowc;
  end if;
end;
$$;
