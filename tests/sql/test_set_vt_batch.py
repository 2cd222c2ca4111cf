"""pgflow.set_vt_batch (contract, section 8.6)."""

from __future__ import annotations

import pytest


def send(core, count: int) -> list[int]:
    core.do("select pgmq.create('q')")
    return core.column("select pgmq.send('q', to_jsonb(i)) from generate_series(1, %s) i", count)


def test_set_vt_batch(core) -> None:
    first, second, third = send(core, 3)
    moved = core.rows(
        "select * from pgflow.set_vt_batch(queue_name => 'q', msg_ids => %s, vt_offsets => %s)"
        " order by msg_id",
        [first, third, 999],
        [60, 120, 5],
    )
    assert [m["msg_id"] for m in moved] == [first, third]
    assert list(moved[0]) == ["msg_id", "read_ct", "enqueued_at", "vt", "message", "headers"]
    assert [m["read_ct"] for m in moved] == [0, 0]
    assert 59 < core.visible_in("q", first) <= 60
    assert core.visible_in("q", second) <= 0
    assert 119 < core.visible_in("q", third) <= 120


@pytest.mark.parametrize("arrays", ["null, null", "'{}', '{}'", "null, '{1}'", "'{1}', null"])
def test_set_vt_batch_of_nothing(core, arrays) -> None:
    send(core, 1)
    assert core.rows(f"select * from pgflow.set_vt_batch('q', {arrays})") == []


def test_set_vt_batch_refuses_unequal_lengths(core, raises) -> None:
    send(core, 1)
    with raises("msg_ids length (2) must equal vt_offsets length (1)"):
        core.do("select pgflow.set_vt_batch('q', '{1,2}', '{1}')")


def test_set_vt_batch_of_an_unknown_queue(core, raises) -> None:
    with raises('relation "pgmq.q_nope" does not exist') as error:
        core.do("select pgflow.set_vt_batch('nope', '{1}', '{1}')")
    assert error["sqlstate"] == "42P01"
