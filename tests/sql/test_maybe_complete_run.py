"""pgflow.maybe_complete_run (contract, section 9)."""

from __future__ import annotations


def test_maybe_complete_run_gathers_leaves(core) -> None:
    core.flow("f", "a", "b < a", "c < a", "d")
    run_id = core.start("f")
    core.work("f", lambda t: {"a": 1, "b": None, "c": False, "d": [0]}[t["step_slug"]])
    assert core.run(run_id)["output"] == {"b": None, "c": False, "d": [0]}
    before = core.run(run_id)
    core.do("select pgflow.maybe_complete_run(run_id => %s)", run_id)
    assert core.run(run_id) == before


def test_maybe_complete_run_waits_for_the_last_step(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.do("select pgflow.maybe_complete_run(%s)", run_id)
    assert core.run(run_id)["status"] == "started"


def test_a_failed_run_is_not_completed(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.do("update pgflow.runs set status = 'failed', failed_at = now(), remaining_steps = 0")
    core.do("select pgflow.maybe_complete_run(%s)", run_id)
    assert core.run(run_id)["status"] == "failed"
