"""pgflow.cascade_resolve_conditions: conditions and skipping (contract, section 10)."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("want", "refuse", "input", "met"),
    [
        ({"x": 1}, None, {"x": 1, "y": 2}, True),
        ({"x": 1}, None, {"x": 2}, False),
        ({}, None, {}, True),
        ({}, None, [1], False),
        (None, {"x": 1}, {"x": 2}, True),
        (None, {"x": 1}, {"x": 1}, False),
        ({"x": 1}, {"y": 1}, {"x": 1}, True),
        ({"x": 1}, {"y": 1}, {"x": 1, "y": 1}, False),
        ({"a": {"b": [2]}}, None, {"a": {"b": [1, 2]}}, True),
    ],
)
def test_a_root_step_looks_at_the_input(core, want, refuse, input, met) -> None:
    core.create_flow("f")
    core.conditional("f", "a", want=want, refuse=refuse)
    run_id = core.start("f", input)
    step = core.step(run_id, "a")
    if met:
        assert step["status"] == "started"
    else:
        assert (step["status"], step["skip_reason"]) == ("skipped", "condition_unmet")
        assert core.run(run_id)["status"] == "completed"
        assert core.tasks(run_id) == []


@pytest.mark.parametrize(("output", "met"), [({"go": True}, True), ({"go": False}, False), (None, False)])
def test_a_dependent_step_looks_at_outputs(core, output, met) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    core.conditional("f", "b", ["a"], want={"a": {"go": True}})
    run_id = core.start("f")
    core.complete(core.claim("f")[0], output)
    assert core.step(run_id, "b")["status"] == ("started" if met else "skipped")


def test_a_skipped_dependency_has_no_key(core) -> None:
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "a", when_exhausted="skip")
    core.conditional("f", "fallback", ["a"], refuse={"a": {}})
    core.conditional("f", "usual", ["a"], want={"a": {}})
    run_id = core.start("f")
    core.fail(core.claim("f")[0])
    assert core.statuses(run_id) == {"a": "skipped", "fallback": "started", "usual": "skipped"}


def test_skip_releases_dependents(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    core.conditional("f", "b", want={"never": 1})
    core.add_step("f", "c", ["a", "b"])
    core.add_step("f", "m", ["b"], step_type="map")
    core.add_step("f", "z", ["m"])
    run_id = core.start("f")
    assert core.step(run_id, "m")["output"] == []
    outputs = {"a": 1, "c": 2, "z": 3}
    assert sorted(core.work("f", lambda t: outputs[t["step_slug"]])) == ["a", "c", "z"]
    run = core.run(run_id)
    assert (run["status"], run["output"]) == ("completed", {"c": 2, "z": 3})


def test_skips_follow_each_other(core) -> None:
    core.create_flow("f")
    core.conditional("f", "a", want={"never": 1})
    for previous, step in zip("abc", "bcd", strict=True):
        core.conditional("f", step, [previous], want={previous: {}})
    core.add_step("f", "e", ["d"])
    run_id = core.start("f")
    assert core.statuses(run_id) == dict.fromkeys("abcd", "skipped") | {"e": "started"}
    assert {core.step(run_id, s)["skip_reason"] for s in "abcd"} == {"condition_unmet"}
    assert core.run(run_id)["remaining_steps"] == 1


def test_skip_cascade_takes_everything_downstream(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    core.conditional("f", "b", want={"never": 1}, when_unmet="skip-cascade")
    core.add_step("f", "c", ["a", "b"])
    core.add_step("f", "d", ["c"])
    run_id = core.start("f")
    assert core.statuses(run_id) == {"a": "started", "b": "skipped", "c": "skipped", "d": "skipped"}
    assert core.step(run_id, "b")["skip_reason"] == "condition_unmet"
    assert core.step(run_id, "d")["skip_reason"] == "dependency_skipped"
    assert core.run(run_id)["remaining_steps"] == 1


def test_fail_fails_the_run_at_the_start(core) -> None:
    core.create_flow("f")
    core.add_step("f", "other")
    core.conditional("f", "late", want={"never": 1}, when_unmet="fail")
    run = core.row("select * from pgflow.start_flow('f', '{}')")
    assert run["status"] == "failed"
    step = core.step(run["run_id"], "late")
    assert (step["status"], step["error_message"]) == ("failed", "Condition not met")
    assert core.statuses(run["run_id"])["other"] == "created"
    assert core.queued_messages("f") == []


def test_the_first_failing_step_counts(core) -> None:
    core.create_flow("f")
    core.conditional("f", "z", want={"never": 1}, when_unmet="fail")
    core.conditional("f", "a", want={"never": 1}, when_unmet="fail")
    core.conditional("f", "s", want={"never": 1})
    run_id = core.start("f")
    assert core.statuses(run_id) == {"z": "failed", "a": "created", "s": "created"}


def test_fail_after_a_completion_ends_the_other_tasks(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    core.add_step("f", "other")
    core.conditional("f", "b", ["a"], want={"a": {"ok": True}}, when_unmet="fail")
    run_id = core.start("f")
    a, _ = core.claim("f")
    (row,) = core.complete(a, {"ok": False})
    assert row["status"] == "completed"
    assert core.run(run_id)["status"] == "failed"
    assert core.task(run_id, "other")["status"] == "cancelled"
    assert core.queued_messages("f") == []
    assert a["msg_id"] in core.archived_messages("f")


def test_what_the_call_returns(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    run_id = core.start("f")
    resolve = "select pgflow.cascade_resolve_conditions(run_id => %s)"
    assert core.value(resolve, run_id) is True
    core.work("f")
    assert core.value(resolve, run_id) is True
    core.do("update pgflow.runs set status = 'failed', completed_at = null, failed_at = now()")
    assert core.value(resolve, run_id) is False


def test_long_chains_of_skips_have_no_limit(core) -> None:
    core.create_flow("f")
    for number in range(120):
        core.conditional(
            "f",
            f"s{number}",
            [f"s{number - 1}"] if number else [],
            want={"never": 1},
            when_unmet="skip",
        )
    run_id = core.start("f")
    assert core.run(run_id)["status"] == "completed"
    assert set(core.statuses(run_id).values()) == {"skipped"}
