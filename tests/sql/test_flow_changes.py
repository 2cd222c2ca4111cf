"""Beyond the contract: whoever changes definitions tells workers that serve flows by a pattern."""

from __future__ import annotations

import psycopg
import pytest


def told(listening: psycopg.Connection) -> int:
    """How many notifications have come since the last call."""
    listening.execute("select 1")
    return len(list(listening.notifies(timeout=0.05)))


@pytest.mark.parametrize(
    "change",
    [
        "select pgflow.create_flow('new'); select pgflow.add_step('new', 'only')",
        "select pgflow.add_step('f', 'b')",
        "select pgflow.delete_flow_and_data('f')",
    ],
)
def test_each_change_of_definitions_is_told_once(core, change: str) -> None:
    core.flow("f", "a")
    with psycopg.connect(core.connection.info.dsn, autocommit=True) as listening:
        listening.execute("listen pgflowc_flows")
        with core.connection.transaction():
            for statement in change.split("; "):
                core.do(statement)
        assert told(listening) == 1


def test_runs_tell_nothing(core) -> None:
    core.flow("f", "a")
    with psycopg.connect(core.connection.info.dsn, autocommit=True) as listening:
        listening.execute("listen pgflowc_flows")
        core.start("f")
        core.work("f")
        core.do("select pgflow.create_flow('f')")
        assert told(listening) == 0
