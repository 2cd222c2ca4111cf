"""pgflow.cascade_complete_taskless_steps (contract, section 9)."""

from __future__ import annotations


def test_steps_made_ready_by_the_taskless_cascade_are_put_through_their_conditions(core) -> None:
    core.create_flow("f")
    core.add_step("f", "m", step_type="map")
    core.conditional("f", "some", ["m"], refuse={"m": []})
    core.conditional("f", "none", ["m"], want={"m": []})
    core.add_step("f", "n", ["some"])
    core.conditional("f", "p", ["m"], want={"m": [1]}, step_type="map", when_unmet="skip")
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
    core.conditional("f", "check", ["m"], want={"m": [{}]}, when_unmet="fail")
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
