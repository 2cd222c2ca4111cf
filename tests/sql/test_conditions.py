"""cascade_resolve_conditions, cascade_complete_taskless_steps, _cascade_force_skip_steps."""

from __future__ import annotations

from time import monotonic
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb


def conditional(core, flow: str, step: str, deps=(), *, want=None, refuse=None, **more) -> None:
    core.add_step(
        flow,
        step,
        deps,
        required_input_pattern=None if want is None else Jsonb(want),
        forbidden_input_pattern=None if refuse is None else Jsonb(refuse),
        **more,
    )


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
    conditional(core, "f", "a", want=want, refuse=refuse)
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
    conditional(core, "f", "b", ["a"], want={"a": {"go": True}})
    run_id = core.start("f")
    core.complete(core.claim("f")[0], output)
    assert core.step(run_id, "b")["status"] == ("started" if met else "skipped")


def test_a_skipped_dependency_has_no_key(core) -> None:
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "a", when_exhausted="skip")
    conditional(core, "f", "fallback", ["a"], refuse={"a": {}})
    conditional(core, "f", "usual", ["a"], want={"a": {}})
    run_id = core.start("f")
    core.fail(core.claim("f")[0])
    assert core.statuses(run_id) == {"a": "skipped", "fallback": "started", "usual": "skipped"}


def test_skip_releases_dependents(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    conditional(core, "f", "b", want={"never": 1})
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
    conditional(core, "f", "a", want={"never": 1})
    for previous, step in zip("abc", "bcd", strict=True):
        conditional(core, "f", step, [previous], want={previous: {}})
    core.add_step("f", "e", ["d"])
    run_id = core.start("f")
    assert core.statuses(run_id) == dict.fromkeys("abcd", "skipped") | {"e": "started"}
    assert {core.step(run_id, s)["skip_reason"] for s in "abcd"} == {"condition_unmet"}
    assert core.run(run_id)["remaining_steps"] == 1


def test_skip_cascade_takes_everything_downstream(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    conditional(core, "f", "b", want={"never": 1}, when_unmet="skip-cascade")
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
    conditional(core, "f", "late", want={"never": 1}, when_unmet="fail")
    run = core.row("select * from pgflow.start_flow('f', '{}')")
    assert run["status"] == "failed"
    step = core.step(run["run_id"], "late")
    assert (step["status"], step["error_message"]) == ("failed", "Condition not met")
    assert core.statuses(run["run_id"])["other"] == "created"
    assert core.queued_messages("f") == []


def test_the_first_failing_step_counts(core) -> None:
    core.create_flow("f")
    conditional(core, "f", "z", want={"never": 1}, when_unmet="fail")
    conditional(core, "f", "a", want={"never": 1}, when_unmet="fail")
    conditional(core, "f", "s", want={"never": 1})
    run_id = core.start("f")
    assert core.statuses(run_id) == {"z": "failed", "a": "created", "s": "created"}


def test_fail_after_a_completion_ends_the_other_tasks(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    core.add_step("f", "other")
    conditional(core, "f", "b", ["a"], want={"a": {"ok": True}}, when_unmet="fail")
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


def test_steps_made_ready_by_the_taskless_cascade_are_put_through_their_conditions(core) -> None:
    core.create_flow("f")
    core.add_step("f", "m", step_type="map")
    conditional(core, "f", "some", ["m"], refuse={"m": []})
    conditional(core, "f", "none", ["m"], want={"m": []})
    core.add_step("f", "n", ["some"])
    conditional(core, "f", "p", ["m"], want={"m": [1]}, step_type="map", when_unmet="skip")
    run_id = core.start("f", [])
    # jsonb `@>`: every array contains the empty one, and an empty one contains nothing else.
    assert core.statuses(run_id) == {
        "m": "completed",
        "some": "skipped",
        "none": "started",
        "n": "started",
        "p": "skipped",
    }


def test_a_condition_in_the_taskless_cascade_may_fail_the_run(core) -> None:
    core.create_flow("f")
    core.add_step("f", "list")
    core.add_step("f", "m", ["list"], step_type="map")
    conditional(core, "f", "check", ["m"], want={"m": [{}]}, when_unmet="fail")
    core.add_step("f", "after", ["check"])
    run_id = core.start("f")
    core.complete(core.claim("f")[0], [])
    assert core.run(run_id)["status"] == "failed"
    assert core.statuses(run_id) == {
        "list": "completed",
        "m": "completed",
        "check": "failed",
        "after": "created",
    }


def test_long_chains_of_skips_have_no_limit(core) -> None:
    core.create_flow("f")
    for number in range(120):
        conditional(
            core,
            "f",
            f"s{number}",
            [f"s{number - 1}"] if number else [],
            want={"never": 1},
            when_unmet="skip",
        )
    run_id = core.start("f")
    assert core.run(run_id)["status"] == "completed"
    assert set(core.statuses(run_id).values()) == {"skipped"}


# Taskless steps


def test_taskless_steps_complete_in_a_cascade(core) -> None:
    core.flow("f", "a", "m[] < a", "n[] < m", "z < n a")
    run_id = core.start("f")
    core.complete(core.claim("f")[0], [])
    for slug in "mn":
        step = core.step(run_id, slug)
        assert (step["status"], step["output"], step["initial_tasks"], step["remaining_tasks"]) == (
            "completed",
            [],
            0,
            0,
        )
        assert step["started_at"] is not None
    assert core.claim("f")[0]["input"] == {"a": [], "n": []}


def test_the_call_counts_steps_and_completes_no_run(core) -> None:
    core.flow("f", "m[]", "n[] < m")
    run_id = core.start("f", [1])
    core.do("update pgflow.step_states set status = 'created', initial_tasks = 0, remaining_tasks = null,"
            " started_at = null where step_slug = 'm'")  # fmt: skip
    assert core.value("select pgflow.cascade_complete_taskless_steps(run_id => %s)", run_id) == 2
    run = core.run(run_id)
    assert (run["status"], run["remaining_steps"]) == ("started", 0)
    assert core.value("select pgflow.cascade_complete_taskless_steps(%s)", run_id) == 0


def test_a_single_step_without_tasks_completes_with_null(core) -> None:
    core.flow("f", "a", "b < a")
    run_id = core.start("f")
    core.do("update pgflow.step_states set initial_tasks = 0 where step_slug = 'b'")
    core.complete(core.claim("f")[0], 1)
    step = core.step(run_id, "b")
    assert (step["status"], step["output"]) == ("completed", None)
    assert core.run(run_id)["output"] == {"b": None}


def chain_of_maps(core, length: int) -> None:
    core.create_flow("f")
    for number in range(length):
        core.add_step("f", f"m{number}", [f"m{number - 1}"] if number else [], step_type="map")


def test_fifty_maps_over_an_empty_array(core) -> None:
    chain_of_maps(core, 50)
    assert core.run(core.start("f", []))["status"] == "completed"


def test_the_taskless_cascade_has_a_limit(core, raises) -> None:
    chain_of_maps(core, 51)
    with raises("Cascade loop exceeded safety limit of 50 iterations"):
        core.start("f", [])
    assert core.value("select count(*) from pgflow.runs") == 0


# Forced skips


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
