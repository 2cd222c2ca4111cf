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


OPTIONS = "select reloptions from pg_class where oid = 'pgmq.q_f'::regclass"


def test_a_worker_that_wants_to_be_woken_tunes_the_queue_once(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.enable_wakeup('f')")
    assert "autovacuum_vacuum_threshold=1000" in fast.value(OPTIONS)
    fast.do("alter table pgmq.q_f reset (autovacuum_vacuum_threshold)")
    fast.do("select pgflowc.enable_wakeup('f')")
    assert "autovacuum_vacuum_threshold=1000" not in fast.value(OPTIONS)


def test_settings_that_somebody_chose_stay(fast) -> None:
    fast.flow("f", "a")
    fast.do("alter table pgmq.q_f set (fillfactor = 80)")
    fast.do("select pgflowc.enable_wakeup('f')")
    assert fast.value(OPTIONS) == ["fillfactor=80"]


def test_a_worker_that_does_not_own_the_queue_is_woken_nevertheless(fast, new_role) -> None:
    fast.flow("f", "a")
    role = new_role()
    fast.do(f"grant usage on schema pgmq, pgflowc to {role}")
    fast.do(f"grant trigger on pgmq.q_f to {role}")
    fast.do(f"set role {role}")
    fast.do("select pgflowc.enable_wakeup('f')")
    fast.do("reset role")
    assert fast.value(OPTIONS) is None
    assert fast.value("select count(*) from pg_trigger where tgname = 'pgflowc_wakeup'") == 1
