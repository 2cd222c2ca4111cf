"""create_flow, add_step, is_valid_slug, calculate_retry_delay, delete_flow_and_data."""

from __future__ import annotations

import threading

import psycopg

SLUGS = {
    "order": True,
    "_order": True,
    "Order2_x": True,
    "a" * 128: True,
    "a" * 129: False,
    "": False,
    "2nd": False,
    "with-dash": False,
    "with space": False,
    "käse": False,
    "run": False,
    "Run": True,
    "running": True,
    "a\n": False,
    None: False,
}


def test_slugs(core) -> None:
    found = {slug: core.value("select pgflow.is_valid_slug(slug => %s)", slug) for slug in SLUGS}
    assert found == SLUGS


def test_create_flow_writes_its_defaults(core) -> None:
    flow = core.create_flow("f")
    assert (flow["opt_max_attempts"], flow["opt_base_delay"], flow["opt_timeout"]) == (3, 5, 60)
    assert core.column("select queue_name from pgmq.list_queues()") == ["f"]


def test_create_flow_again_keeps_options_and_restores_the_queue(core) -> None:
    core.create_flow("f", max_attempts=1, base_delay=2, timeout=3)
    core.do("select pgmq.drop_queue('f')")
    flow = core.create_flow("f", max_attempts=9, base_delay=9, timeout=9)
    assert (flow["opt_max_attempts"], flow["opt_base_delay"], flow["opt_timeout"]) == (1, 2, 3)
    assert core.column("select queue_name from pgmq.list_queues()") == ["f"]


def test_create_flow_takes_over_a_queue_that_a_worker_made_first(core) -> None:
    core.do("select pgmq.create('f')")
    core.create_flow("f")
    assert core.column("select queue_name from pgmq.list_queues()") == ["f"]


def test_create_flow_refuses_a_bad_slug(core, raises) -> None:
    with raises('new row for relation "flows" violates check constraint "slug_is_valid"'):
        core.create_flow("2nd")


def test_create_flow_refuses_a_slug_that_no_queue_can_have(core, raises) -> None:
    core.create_flow("f" * 47)
    with raises("queue name is too long, maximum length is 47 characters") as error:
        core.create_flow("g" * 48)
    assert "48 characters" in error["detail"]
    assert core.value("select count(*) from pgflow.flows") == 1


def test_create_flow_refuses_slugs_that_collide_by_case(core, raises) -> None:
    core.create_flow("orders")
    with raises('flow slug "Orders" differs from that of flow "orders" only in case') as error:
        core.create_flow("Orders")
    assert error["sqlstate"] == "23505"
    core.do("select pgmq.create('Mine')")
    with raises('flow slug "mine" differs from the name of queue "Mine" only in case') as error:
        core.create_flow("mine")
    assert error["sqlstate"] == "23505"


def test_a_flow_keeps_a_queue_listed_in_lower_case(core) -> None:
    core.create_flow("Orders")
    core.do("update pgmq.meta set queue_name = 'orders'")
    core.create_flow("Orders")
    assert core.column("select queue_name from pgmq.list_queues()") == ["orders"]
    core.add_step("Orders", "a")
    core.start("Orders")
    assert core.work("Orders") == ["a"]
    core.do("select pgflow.delete_flow_and_data('Orders')")
    assert core.column("select queue_name from pgmq.list_queues()") == []


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


def test_flows_created_at_once_are_created_once(core, another) -> None:
    drivers = [another() for _ in range(4)]
    failures: list[Exception] = []

    def create(driver) -> None:
        try:
            driver.create_flow("f")
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=create, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert core.column("select queue_name from pgmq.list_queues()") == ["f"]


def test_retry_delay(core) -> None:
    call = "select pgflow.calculate_retry_delay(base_delay => %s::numeric, attempts_count => %s)"
    expected = {(5, 1): 10, (5, 2): 20, (1, 0): 1, (0, 9): 0, (1.5, 1): 3, (0.3, 1): 0, (2, 10): 2048}
    assert {case: core.value(call, *case) for case in expected} == expected


def test_retry_delay_is_capped_at_a_year(core) -> None:
    call = "select pgflow.calculate_retry_delay(%s::numeric, %s)"
    assert core.value(call, 5, 31) == 31_536_000
    assert core.value(call, 2_147_483_647, 2_147_483_647) == 31_536_000


def test_delete_flow_and_data(core) -> None:
    for slug in ("gone", "kept"):
        core.flow(slug, "m[]", "b < m")
        core.start(slug, list(range(150)))
        core.complete(core.claim(slug, 1)[0], 1)
    core.do("select pgflow.delete_flow_and_data(p_flow_slug => 'gone')")
    for table in ("flows", "steps", "deps", "runs", "step_states", "step_tasks"):
        assert set(core.column(f"select flow_slug from pgflow.{table}")) == {"kept"}, table
    assert core.column("select queue_name from pgmq.list_queues()") == ["kept"]
    assert core.value("select to_regclass('pgmq.q_gone') is null and to_regclass('pgmq.a_gone') is null")


def test_delete_of_an_unknown_flow_does_nothing(core) -> None:
    core.do("select pgmq.create('mine')")
    core.flow("Kept", "a")
    core.do("select pgflow.delete_flow_and_data('mine')")
    core.do("select pgflow.delete_flow_and_data('kept')")
    assert sorted(core.column("select queue_name from pgmq.list_queues()")) == ["Kept", "mine"]
