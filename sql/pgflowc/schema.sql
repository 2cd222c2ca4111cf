-- Everything that is ours and not in the contract of schema pgflow: it also installs beside a core that another
-- member of the family installed.
create schema pgflowc;
