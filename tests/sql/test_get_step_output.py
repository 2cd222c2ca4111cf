"""pgflow.get_step_output (contract, section 17.4)."""

from __future__ import annotations

from uuid import uuid4

OUTPUT = "select pgflow.get_step_output(p_run_id => %s, p_step_slug => %s)"


def test_the_steps_stored_output(core) -> None:
    core.flow("f", "a", "m[] < a", "b < m")
    run_id = core.start("f", {"x": 1})
    core.complete(core.claim("f")[0], [1, 2])
    for task in core.claim("f"):
        assert core.value(OUTPUT, run_id, "m") is None
        core.complete(task, task["input"] * 10)
    assert core.value(OUTPUT, run_id, "a") == [1, 2]
    assert core.value(OUTPUT, run_id, "m") == [10, 20]
    assert core.value(OUTPUT, run_id, "b") is None


def test_what_is_unknown_has_no_output(core) -> None:
    core.flow("f", "a")
    assert core.value(OUTPUT, core.start("f"), "nope") is None
    assert core.value(OUTPUT, uuid4(), "a") is None
