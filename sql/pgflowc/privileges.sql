-- As in schema pgflow: its owner, and whoever an administrator grants it to.
revoke all on schema pgflowc from public;
