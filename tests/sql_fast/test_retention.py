"""pgflowc.set_retention, prune_expired: ended runs go when their time is over."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest


def three_runs(fast, ok, slug: str = "f") -> tuple[UUID, UUID, UUID]:
    """A completed, a cancelled and a running run, all two days old."""
    fast.flow(slug, "a", "b < a")
    (completed,) = fast.start(slug, 1)
    fast.work(slug)
    cancelled, running = fast.start(slug, 2, 3)
    fast.do("select pgflowc.cancel_run(%s)", cancelled)
    fast.do(
        "update pgflow.runs set started_at = started_at - interval '2 days',"
        " completed_at = completed_at - interval '2 days', failed_at = failed_at - interval '2 days'"
        " where flow_slug = %s",
        slug,
    )
    return completed, cancelled, running


def runs(fast) -> set[UUID]:
    return set(fast.column("select run_id from pgflow.runs"))


@pytest.mark.parametrize(
    ("completed", "failed", "kept"),
    [
        ("1 day", "1 day", {2}),
        ("1 day", "3 days", {1, 2}),
        ("3 days", "1 day", {0, 2}),
        ("1 day", None, {1, 2}),
        (None, "47 hours", {0, 2}),
    ],
)
def test_each_end_has_its_own_time(fast, ok, completed, failed, kept) -> None:
    made = three_runs(fast, ok)
    fast.do("select pgflowc.set_retention('f', %s, %s)", completed, failed)
    fast.rows("select * from pgflowc.prune_expired()")
    assert runs(fast) == {made[number] for number in kept}


def test_what_a_run_left_goes_with_it_and_nothing_else(fast, ok) -> None:
    *_, running = three_runs(fast, ok)
    others = three_runs(fast, ok, "g")
    fast.do("insert into pgflowc.run_traces (run_id, carrier) select run_id, '{}' from pgflow.runs")
    fast.do("select pgflowc.set_retention('f', '1 hour', '1 hour')")
    assert fast.rows("select * from pgflowc.prune_expired()") == [
        {"flow_slug": "f", "runs": 2, "step_tasks": 3}
    ]
    left = {running, *others}
    assert runs(fast) == left
    for table in ("pgflow.step_states", "pgflow.step_tasks", "pgflowc.run_traces"):
        assert set(fast.column(f"select run_id from {table}")) == left
    assert [(len(fast.messages(slug)), len(fast.messages(slug, "a"))) for slug in "fg"] == [(1, 0), (1, 3)]
    assert fast.rows("select * from pgflowc.prune_expired()") == []


def test_archived_messages_of_attempts_before_a_retry_go_when_nothing_so_old_is_kept(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgmq.archive('f', pgmq.send('f', '{}'))")
    fast.do("update pgmq.a_f set archived_at = now() - interval '2 days'")
    fast.do("select pgflowc.set_retention('f', '1 day', null)")
    fast.rows("select * from pgflowc.prune_expired()")
    assert len(fast.messages("f", "a")) == 1
    fast.do("select pgflowc.set_retention('f', '1 day', '25 hours')")
    fast.rows("select * from pgflowc.prune_expired()")
    assert fast.messages("f", "a") == []


def test_batches_are_as_small_as_wanted_and_begin_with_the_oldest(fast) -> None:
    fast.flow("f", "a")
    made = fast.start("f", *range(5))
    fast.work("f")
    fast.do(
        "update pgflow.runs set started_at = started_at - (10 - (input::int)) * interval '1 day',"
        " completed_at = now() - interval '1 hour'"
    )
    fast.do("select pgflowc.set_retention('f', '1 minute', null)")
    assert fast.column("select runs from pgflowc.prune_expired(2)") == [2]
    assert runs(fast) == set(made[2:])
    assert fast.column("select runs from pgflowc.prune_expired(2)") == [2]
    assert fast.column("select runs from pgflowc.prune_expired(2)") == [1]
    assert fast.column("select runs from pgflowc.prune_expired(2)") == []


def test_batches_have_few_tasks(fast) -> None:
    fast.flow("m", "a[]")
    fast.start("m", [1, 2], [1, 2], [1, 2])
    fast.do("update pgflow.step_states set initial_tasks = 6000")
    fast.do(
        "update pgflow.runs set status = 'failed', started_at = now() - interval '2 h',"
        " failed_at = now() - interval '2 h'"
    )
    assert fast.column("select runs from pgflowc.prune_runs('1 h')") == [2]
    fast.do("select pgflowc.set_retention('m', null, '1 h')")
    assert fast.column("select runs from pgflowc.prune_expired()") == [1]


def test_one_prunes_at_a_time_and_passes_over_what_is_locked(fast, ok, another) -> None:
    _, cancelled, running = three_runs(fast, ok)
    fast.do("select pgflowc.set_retention('f', '1 day', '1 day')")
    retrying = another()
    with retrying.connection.transaction():
        retrying.do("select pgflowc.retry_run(%s)", cancelled)
        pruning = another()
        with pruning.connection.transaction():
            assert pruning.column("select runs from pgflowc.prune_expired()") == [1]
            assert fast.rows("select * from pgflowc.prune_expired()") == []
    assert runs(fast) == {cancelled, running}
    assert fast.rows("select * from pgflowc.prune_expired()") == []


def test_runs_are_pruned_by_hand_in_batches_whatever_their_retention(fast, ok) -> None:
    *_, running = three_runs(fast, ok)
    three_runs(fast, ok, "g")
    prune = "select * from pgflowc.prune_runs('1 day', %s, %s)"
    assert fast.rows(prune, ["f"], 1) == [{"runs": 1, "step_states": 2, "step_tasks": 2}]
    assert fast.rows(prune, None, 10) == [{"runs": 3, "step_states": 6, "step_tasks": 4}]
    assert fast.rows(prune, None, 10) == [{"runs": 0, "step_states": 0, "step_tasks": 0}]
    assert len(runs(fast)) == 2
    assert running in runs(fast)


def test_a_retention_is_changed_and_removed(fast, ok) -> None:
    made = three_runs(fast, ok)
    fast.do("select pgflowc.set_retention('f', '1 day', '2 days')")
    fast.do("select pgflowc.set_retention('f', null, '30 days')")
    row = fast.row("select completed, failed from pgflowc.retention")
    assert (row["completed"], row["failed"].days) == (None, 30)
    assert fast.value("select pgflowc.remove_retention('f')") is True
    assert fast.value("select pgflowc.remove_retention('f')") is False
    assert fast.rows("select * from pgflowc.prune_expired()") == []
    assert runs(fast) == set(made)


def test_the_retention_of_a_name_is_that_of_its_versions(fast, ok) -> None:
    *_, running = three_runs(fast, ok)
    *_, running_2 = three_runs(fast, ok, "f_2")
    fast.do("select pgflowc.add_version('f', 2, 'f_2')")
    fast.do("select pgflowc.set_retention('f', '1 day', '1 day')")
    assert fast.column("select flow_slug from pgflowc.prune_expired()") == ["f", "f_2"]
    assert runs(fast) == {running, running_2}


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ("'g', '1 day', null", psycopg.errors.ForeignKeyViolation, 'flow "g" is not defined'),
        ("'f', null, null", psycopg.errors.CheckViolation, "something_is_limited"),
        ("'f', '0', null", psycopg.errors.CheckViolation, "completed_is_positive"),
        ("'f', '1 day', '-1 day'", psycopg.errors.CheckViolation, "failed_is_positive"),
    ],
)
def test_what_is_refused(fast, arguments, error, text) -> None:
    fast.flow("f", "a")
    with pytest.raises(error, match=text):
        fast.do(f"select pgflowc.set_retention({arguments})")
