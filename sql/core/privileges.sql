-- Who may use schema pgflow: its owner, and whoever an administrator grants it to. Docs name the grants for client applications.
revoke all on schema pgflow from public;
