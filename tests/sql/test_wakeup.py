"""enable_wakeup, announce_wait, withdraw_wait: inserts notify only while somebody waits."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

ANNOUNCE = "select * from pgflowc.announce_wait(p_queue_names => %s, p_worker_id => %s, p_ttl_ms => %s)"


@pytest.fixture
def listener(core, another):
    """A connection that listens; queue `f` of a flow with one step wakes."""
    core.flow("f", "a")
    core.do("select pgflowc.enable_wakeup(p_queue_name => 'f')")
    driver = another()
    driver.do("listen pgflowc_wakeup")
    return driver


def heard(core, listener) -> list[str]:
    """The queues announced so far: everything before a notification of our own."""
    core.do("select pg_notify('pgflowc_wakeup', 'end')")
    found: list[str] = []
    for notification in listener.connection.notifies(timeout=10):
        if notification.payload == "end":
            break
        found.append(notification.payload)
    return found


def test_nobody_waits_nothing_is_sent(core, listener) -> None:
    core.start("f")
    assert heard(core, listener) == []


def test_a_waiting_worker_is_woken(core, listener) -> None:
    worker = uuid4()
    core.do(ANNOUNCE, ["f"], worker, 60_000)
    core.start("f")
    assert heard(core, listener) == ["f"]
    core.do("select pgflowc.withdraw_wait(p_worker_id => %s)", worker)
    core.start("f")
    assert heard(core, listener) == []


def test_a_wait_expires(core, listener) -> None:
    core.do(ANNOUNCE, ["f"], uuid4(), 0)
    core.start("f")
    assert heard(core, listener) == []


def test_a_wait_on_another_queue_is_not_disturbed(core, listener) -> None:
    core.flow("g", "a")
    core.do("select pgflowc.enable_wakeup('g')")
    core.do(ANNOUNCE, ["g"], uuid4(), 60_000)
    core.start("f")
    assert heard(core, listener) == []


def test_the_name_is_the_one_given(core, listener) -> None:
    core.flow("Orders", "a")
    core.do("select pgflowc.enable_wakeup('Orders')")
    core.do(ANNOUNCE, ["Orders"], uuid4(), 60_000)
    core.start("Orders")
    assert heard(core, listener) == ["Orders"]


def test_a_bulk_insert_notifies_once(core, listener) -> None:
    core.flow("m", "m[]")
    core.do("select pgflowc.enable_wakeup('m')")
    core.do(ANNOUNCE, ["m"], uuid4(), 60_000)
    core.start("m", list(range(500)))
    assert heard(core, listener) == ["m"]


def test_a_retry_is_due_before_those_who_sleep_expect_it(core, listener) -> None:
    core.do("update pgflow.flows set opt_max_attempts = 2")
    core.start("f")
    [task] = core.rows("select * from pgflowc.claim_batch('f', null, 1)")
    worker = uuid4()
    core.do(ANNOUNCE, ["f"], worker, 60_000)
    assert core.row(ANNOUNCE, ["f"], worker, 60_000)["next_due_ms"] > 5_000, "the end of the claim"
    core.do(
        "select pgflowc.finish_batch('f', null, array[%s::uuid], array['a'], array[0], array[1],"
        " array[null::jsonb], array['no'], array[2])",
        task["run_id"],
    )
    assert heard(core, listener) == ["f"]
    assert core.row(ANNOUNCE, ["f"], worker, 60_000)["next_due_ms"] <= 2_000


def test_enabling_again_takes_no_lock(core, another) -> None:
    core.flow("f", "a")
    core.do("select pgflowc.enable_wakeup('f')")
    other = another()
    with other.connection.transaction():
        other.do("lock table pgmq.q_f in row exclusive mode")
        core.do("set lock_timeout = '5s'")
        core.do("select pgflowc.enable_wakeup('f')")
    assert core.value("select count(*) from pg_trigger where tgname = 'pgflowc_wakeup'") == 1


def test_an_unknown_queue_is_an_undefined_table(core) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        core.do("select pgflowc.enable_wakeup('nope')")


def test_a_first_announcement_asks_for_another_look(core, listener) -> None:
    worker = uuid4()
    assert core.row(ANNOUNCE, ["f"], worker, 60_000) == {"writers_in_flight": True, "next_due_ms": None}
    assert core.row(ANNOUNCE, ["f"], worker, 60_000) == {"writers_in_flight": False, "next_due_ms": None}


def test_an_expired_announcement_counts_as_new(core, listener) -> None:
    worker = uuid4()
    core.do(ANNOUNCE, ["f"], worker, 0)
    assert core.row(ANNOUNCE, ["f"], worker, 0)["writers_in_flight"] is True


def test_a_writer_that_could_not_see_the_wait_is_reported(core, another, listener) -> None:
    worker = uuid4()
    writer = another()
    with writer.connection.transaction():
        writer.start("f")
        core.do(ANNOUNCE, ["f"], worker, 60_000)
        assert core.row(ANNOUNCE, ["f"], worker, 60_000) == {"writers_in_flight": True, "next_due_ms": None}
    assert heard(core, listener) == []
    assert core.row(ANNOUNCE, ["f"], worker, 60_000) == {"writers_in_flight": False, "next_due_ms": 0}


def test_a_session_that_polls_later_keeps_nobody_awake(core, another, listener) -> None:
    """Workers of the family hold their lock for seconds: pgmq.read_with_poll is one transaction."""
    worker = uuid4()
    core.do(ANNOUNCE, ["f"], worker, 60_000)
    core.do(ANNOUNCE, ["f"], worker, 60_000)
    poller = another()
    with poller.connection.transaction():
        poller.do("select pgmq.read('f', 2, 10)")
        assert core.row(ANNOUNCE, ["f"], worker, 60_000)["writers_in_flight"] is False
        core.do("select pgflowc.withdraw_wait(%s)", worker)
        core.do(ANNOUNCE, ["f"], worker, 60_000)
        assert core.row(ANNOUNCE, ["f"], worker, 60_000)["writers_in_flight"] is True, "it began before"


def test_a_writer_is_one_in_flight_for_a_queue_that_is_waited_on_since_later(core, another, listener) -> None:
    core.flow("g", "a")
    core.do("select pgflowc.enable_wakeup('g')")
    worker = uuid4()
    core.do(ANNOUNCE, ["f"], worker, 60_000)
    core.do(ANNOUNCE, ["f"], worker, 60_000)
    writer = another()
    with writer.connection.transaction():
        writer.start("g")
        core.do(ANNOUNCE, ["f", "g"], worker, 60_000)
        core.do(ANNOUNCE, ["f", "g"], worker, 60_000)
        assert core.row(ANNOUNCE, ["f", "g"], worker, 60_000)["writers_in_flight"] is True
    assert core.row(ANNOUNCE, ["f", "g"], worker, 60_000) == {"writers_in_flight": False, "next_due_ms": 0}


def test_the_next_message_due(core, listener) -> None:
    core.flow("g", "a")
    core.do("select pgmq.send('f', '{}', 100), pgmq.send('g', '{}', 50)")
    worker = uuid4()
    due = core.row(ANNOUNCE, ["f", "g", "nope"], worker, 60_000)["next_due_ms"]
    assert 48_000 < due <= 50_000
    assert 98_000 < core.row(ANNOUNCE, ["f"], worker, 60_000)["next_due_ms"] <= 100_000


def test_waiting_on_nothing(core) -> None:
    assert core.row(ANNOUNCE, [], uuid4(), 1000) == {"writers_in_flight": False, "next_due_ms": None}


def test_withdrawal_forgets_the_dead(core, listener) -> None:
    core.do(
        "insert into pgflowc.waiting_workers"
        " values ('f', %s, now() - interval '2 minutes'), ('f', %s, now())",
        uuid4(),
        uuid4(),
    )
    core.do("select pgflowc.withdraw_wait(%s)", uuid4())
    assert core.value("select count(*) from pgflowc.waiting_workers") == 1


def test_a_producer_needs_no_rights_on_pgflowc(core, listener) -> None:
    core.do(ANNOUNCE, ["f"], uuid4(), 60_000)
    core.do("create role producer")
    try:
        core.do("grant usage on schema pgmq to producer; grant insert, select on pgmq.q_f to producer")
        core.do("set role producer")
        core.do("select pgmq.send('f', '{}')")
        core.do("reset role")
        assert heard(core, listener) == ["f"]
    finally:
        core.do("reset role")
        core.do("drop owned by producer; drop role producer")
