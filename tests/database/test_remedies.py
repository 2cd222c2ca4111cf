"""What `db check` says to run puts right what it found."""

from __future__ import annotations

import psycopg
import pytest

from pgflowc.database.catalogue import Difference
from pgflowc.database.components import component_sql, functions_sql
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.remedies import remedy
from pgflowc.database.verification import verify


def _differences(dsn: str) -> tuple[Difference, ...]:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return verify(connection).differences


def _script(to_run: str) -> str:
    """The SQL behind what a person would paste: a statement, or `pgflowc db sql ... | psql`."""
    parts = []
    for command in to_run.split("; ") if to_run.startswith("pgflowc") else [to_run]:
        words = command.split()
        if words[0] != "pgflowc":
            parts.append(command)
        elif "--functions" in words:
            parts.append(functions_sql(words[4]))
        else:
            parts.append(component_sql(words[4]))
    return "\n".join(parts)


@pytest.mark.parametrize(
    "damage",
    [
        "drop function pgflow.add_step",
        "alter function pgflow.is_valid_slug(text) volatile",
        "drop function pgflow.prune_data_older_than(interval, text[])",
        "drop function pgflowc.announce_wait",
        "alter table pgflow.runs drop column output",
        "alter table pgflow.step_tasks drop column requeued_count",
        "alter table pgflow.flows drop constraint slug_is_valid",
        "alter table pgflow.runs drop constraint status_is_valid,"
        " add constraint status_is_valid check (true)",
        "alter table pgflow.event_listeners drop constraint event_listeners_pkey",
        "alter table pgflow.steps drop constraint steps_flow_slug_fkey",
        "drop index pgflow.idx_runs_flow_slug",
        "drop index pgflow.idx_runs_flow_slug; create index idx_runs_flow_slug on pgflow.runs (status)",
        "revoke execute on function pgflow.is_local() from public",
    ],
)
def test_what_it_says_mends_it(damage: str, core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute(damage.encode())
    found = _differences(core_dsn)
    assert found
    with psycopg.connect(core_dsn) as connection:
        for difference in found:
            if to_run := remedy(difference):
                connection.execute(_script(to_run).encode())
    assert _differences(core_dsn) == ()


def test_a_whole_schema_that_is_gone_comes_back(core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute("drop schema pgflow cascade")
    found = _differences(core_dsn)
    (schema,) = [one for one in found if one.kind == "schema"]
    assert remedy(schema) == "pgflowc db sql --component core | psql --single-transaction"


def test_a_person_has_to_look_where_nothing_is_sure() -> None:
    assert remedy(Difference("table", "pgflow.more", "unexpected")) == ""
    assert remedy(Difference("column", "pgflow.runs.input", "different", "jsonb not null", "json")) == ""
    assert remedy(Difference("table", "pgflowc.applied_migrations", "missing", "r p")) == (
        "its definition from `pgflowc db sql --component pgflowc`"
    )
