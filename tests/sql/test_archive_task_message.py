"""pgflow._archive_task_message (contract, section 9)."""

from __future__ import annotations

from uuid import uuid4

ARCHIVE = "select pgflow._archive_task_message(p_run_id => %s, p_step_slug => %s, p_task_index => %s)"


def test_the_message_goes_to_the_archive_and_the_task_stays(core) -> None:
    core.flow("f", "m[]")
    run_id = core.start("f", [1, 2])
    before = core.tasks(run_id)
    first, second = core.queued_messages("f")
    core.do(ARCHIVE, run_id, "m", 1)
    assert core.queued_messages("f") == [first]
    assert core.archived_messages("f") == [second]
    assert core.tasks(run_id) == before


def test_without_a_message_nothing_happens(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.do(ARCHIVE, run_id, "a", 0)
    core.do(ARCHIVE, run_id, "a", 0)
    core.do(ARCHIVE, run_id, "a", 7)
    core.do(ARCHIVE, uuid4(), "a", 0)
    core.do("update pgflow.step_tasks set message_id = null")
    core.do(ARCHIVE, run_id, "a", 0)
    assert len(core.archived_messages("f")) == 1
