"""pgflow.poll_for_tasks: a relic (contract, section 8)."""

from __future__ import annotations


def test_poll_for_tasks_is_a_relic(core) -> None:
    core.flow("f", "a")
    core.start("f")
    notices: list[str] = []
    core.connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    assert core.rows("select * from pgflow.poll_for_tasks('f', 5, 10)") == []
    assert notices[0].startswith("DEPRECATED")
