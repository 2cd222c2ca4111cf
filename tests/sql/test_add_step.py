"""pgflow.add_step: steps and their dependencies (contract, section 5)."""

from __future__ import annotations

import threading

import psycopg


def test_add_step_numbers_steps_and_keeps_options(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    step = core.add_step(
        "f",
        "b",
        ["a"],
        max_attempts=0,
        base_delay=0,
        timeout=7,
        start_delay=0,
        step_type="map",
        required_input_pattern=psycopg.types.json.Jsonb({"x": 1}),
        when_unmet="fail",
        when_exhausted="skip-cascade",
    )
    assert (step["step_index"], step["deps_count"], step["step_type"]) == (1, 1, "map")
    assert (
        step["opt_max_attempts"],
        step["opt_base_delay"],
        step["opt_timeout"],
        step["opt_start_delay"],
    ) == (
        0,
        0,
        7,
        0,
    )
    assert (step["when_unmet"], step["when_exhausted"]) == ("fail", "skip-cascade")
    assert step["required_input_pattern"] == {"x": 1}
    assert step["forbidden_input_pattern"] is None


def test_add_step_takes_null_for_dependencies_and_type(core) -> None:
    core.create_flow("f")
    step = core.row("select * from pgflow.add_step('f', 'a', null, null, null, null, null, null)")
    assert (step["deps_count"], step["step_type"]) == (0, "single")


def test_duplicate_dependencies_count_once_and_the_step_starts(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a")
    assert core.add_step("f", "b", ["a", "a"])["deps_count"] == 1
    assert core.add_step("f", "m", ["a", "a"], step_type="map")["deps_count"] == 1
    run = core.start("f")
    core.work("f", lambda task: [1])
    assert core.run(run)["status"] == "completed"


def test_a_step_added_again_changes_nothing(core) -> None:
    core.flow("f", "a", "b", "c < a")
    first = core.row("select * from pgflow.steps where step_slug = 'c'")
    assert core.add_step("f", "c", ["a", "b"], max_attempts=9, when_unmet="fail") == first
    assert core.column("select dep_slug from pgflow.deps where step_slug = 'c'") == ["a"]
    core.start("f")
    assert sorted(core.work("f")) == ["a", "b", "c"]


def test_a_map_has_one_dependency(core, raises) -> None:
    core.flow("f", "a", "b")
    with raises('map step "m" can have at most one dependency, but 2 were given: a, b'):
        core.add_step("f", "m", ["a", "b"], step_type="map")


REFUSED = [
    (
        {"step_slug": "2nd"},
        'new row for relation "steps" violates check constraint "steps_step_slug_check"',
    ),
    (
        {"step_slug": "b", "deps_slugs": ["b"]},
        'new row for relation "deps" violates check constraint "deps_check"',
    ),
    (
        {"step_slug": "b", "start_delay": -1},
        'new row for relation "steps" violates check constraint "opt_start_delay_is_nonnegative"',
    ),
    (
        {"step_slug": "b", "when_unmet": "never"},
        'new row for relation "steps" violates check constraint "when_unmet_is_valid"',
    ),
    (
        {"step_slug": "b", "when_exhausted": "never"},
        'new row for relation "steps" violates check constraint "when_exhausted_is_valid"',
    ),
    (
        {"step_slug": "b", "required_input_pattern": psycopg.types.json.Jsonb([1])},
        'new row for relation "steps" violates check constraint "required_input_pattern_is_object"',
    ),
    (
        {"step_slug": "b", "forbidden_input_pattern": psycopg.types.json.Jsonb(None)},
        'new row for relation "steps" violates check constraint "forbidden_input_pattern_is_object"',
    ),
    (
        {"step_slug": "b", "step_type": "loop"},
        'new row for relation "steps" violates check constraint "steps_step_type_check"',
    ),
    (
        {"step_slug": "b", "when_unmet": None},
        'null value in column "when_unmet" of relation "steps" violates not-null constraint',
    ),
    (
        {"step_slug": "b", "flow_slug": "nope"},
        'insert or update on table "steps" violates foreign key constraint "steps_flow_slug_fkey"',
    ),
]


def test_add_step_refuses(core, raises) -> None:
    core.flow("f", "a")
    for arguments, message in REFUSED:
        with raises(message):
            core.call("add_step", **{"flow_slug": "f", **arguments})
    assert core.column("select step_slug from pgflow.steps") == ["a"]


def test_an_unknown_dependency_is_named(core, raises) -> None:
    core.flow("f", "a")
    message = (
        'insert or update on table "deps" violates foreign key constraint "deps_flow_slug_dep_slug_fkey"'
    )
    with raises(message) as error:
        core.add_step("f", "b", ["a", "nope"])
    assert error["sqlstate"] == "23503"
    assert error["detail"] == 'Step "b" depends on "nope", which is not a step of flow "f".'


def test_step_index_is_unique(core, raises) -> None:
    core.flow("f", "a")
    with raises('duplicate key value violates unique constraint "steps_flow_slug_step_index_key"'):
        core.do("insert into pgflow.steps (flow_slug, step_slug, step_index) values ('f', 'b', 0)")


def test_steps_added_at_once_get_different_indexes(core, another) -> None:
    core.create_flow("f")
    failures: list[Exception] = []

    def add(driver, first: int) -> None:
        try:
            for number in range(first, first + 10):
                driver.add_step("f", f"s{number}")
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=add, args=(another(), first)) for first in (0, 5, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert core.column("select step_index from pgflow.steps order by 1") == list(range(20))


def test_work_on_runs_holds_nobody_up(core, another) -> None:
    """Whoever makes tasks shares the row of their flow to the end of the transaction: under load always."""
    core.flow("f", "a", "b < a")
    core.start("f")
    (task,) = core.claim("f")
    busy = another()
    with busy.connection.transaction():
        busy.complete(task)
        core.do("set statement_timeout = '20s'")
        assert core.add_step("f", "c", ["b"])["step_index"] == 2


def test_starts_in_flight_keep_the_steps_they_saw(core, another, in_thread) -> None:
    core.flow("f", "a")
    starter, adder = another(), another()
    with starter.connection.transaction():
        run_id = starter.start("f")
        adding = in_thread(lambda: adder.add_step("f", "b"))
        core.wait_until_blocked(adder)
    adding.join()
    assert core.statuses(run_id) == {"a": "started"}
    assert set(core.statuses(core.start("f"))) == {"a", "b"}


def test_a_step_that_exists_waits_for_nobody(core, another) -> None:
    core.flow("f", "a")
    starter = another()
    with starter.connection.transaction():
        starter.start("f")
        core.do("set statement_timeout = '20s'")
        assert core.add_step("f", "a")["step_index"] == 0


def test_a_step_added_while_another_is_changed(core, another, in_thread) -> None:
    core.flow("f", "a", "b < a")
    starter, adder, changer = another(), another(), another()
    with starter.connection.transaction():
        starter.do("update pgflow.runs set status = 'failed' where run_id = %s", starter.start("f"))
        adding = in_thread(lambda: adder.add_step("f", "c"))
        core.wait_until_blocked(adder)
        changing = in_thread(
            lambda: changer.do(
                """select pgflowc.change_step('f', 'b', '{"deps_slugs": ["a"]}', '{"deps_slugs": []}'),"""
                " pgflowc.order_steps('f', array['b', 'a', 'c'])"
            )
        )
        core.wait_until_blocked(changer)
    adding.join()
    changing.join()
    assert core.column("select step_slug from pgflow.steps order by step_index") == ["b", "a", "c"]
