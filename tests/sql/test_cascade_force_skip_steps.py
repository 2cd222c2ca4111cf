"""pgflow._cascade_force_skip_steps (contract, section 10)."""

from __future__ import annotations

from time import monotonic
from uuid import uuid4


def test_forced_skips(core) -> None:
    core.flow("f", "a", "b < a", "c < b", "other")
    run_id = core.start("f")
    skip = "select pgflow._cascade_force_skip_steps(run_id => %s, step_slug => 'a', skip_reason => 'because')"
    assert core.value(skip, run_id) == 3
    assert core.step(run_id, "a")["skip_reason"] == "because"
    assert core.step(run_id, "c")["skip_reason"] == "dependency_skipped"
    assert core.step(run_id, "a")["remaining_tasks"] is None
    assert core.task(run_id, "a")["status"] == "skipped"
    assert len(core.queued_messages("f")) == 1
    assert core.run(run_id)["remaining_steps"] == 1
    assert core.value(skip, run_id) == 0
    assert core.run(run_id)["remaining_steps"] == 1


def test_steps_that_are_over_are_not_forced(core) -> None:
    core.flow("f", "a", "b < a")
    run_id = core.start("f")
    core.complete(core.claim("f")[0], 1)
    assert core.value("select pgflow._cascade_force_skip_steps(%s, 'a', 'because')", run_id) == 1
    assert core.statuses(run_id) == {"a": "completed", "b": "skipped"}


def test_a_run_has_to_exist(core, raises) -> None:
    unknown = uuid4()
    with raises(f"Run not found: {unknown}"):
        core.do("select pgflow._cascade_force_skip_steps(%s, 'a', 'because')", unknown)


def test_stacked_diamonds_cost_no_more_than_a_chain(core) -> None:
    core.create_flow("f")
    core.add_step("f", "top0")
    for level in range(30):
        for side in "lr":
            core.add_step("f", f"{side}{level}", [f"top{level}"])
        core.add_step("f", f"top{level + 1}", [f"l{level}", f"r{level}"])
    run_id = core.start("f")
    started = monotonic()
    assert core.value("select pgflow._cascade_force_skip_steps(%s, 'top0', 'because')", run_id) == 91
    assert monotonic() - started < 2
