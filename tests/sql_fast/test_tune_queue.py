"""tune_queue: storage parameters of a queue's table."""

from __future__ import annotations

import psycopg
import pytest


def test_the_queue_is_vacuumed_by_number_of_dead_rows(fast) -> None:
    fast.flow("MyFlow", "a")
    for _ in range(2):
        fast.do("select pgflowc.tune_queue('MyFlow')")
    options = fast.value("select reloptions from pg_class where oid = 'pgmq.q_myflow'::regclass")
    assert {"autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1000"} < set(options)


def test_an_unknown_queue(fast) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        fast.do("select pgflowc.tune_queue('nope')")
