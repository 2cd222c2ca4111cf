"""pgflow.create_flow: a flow and its queue (contract, section 5)."""

from __future__ import annotations

import threading

import psycopg
import pytest


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


@pytest.mark.parametrize("kind", ["flow", "job"])
def test_flow_type(core, kind, raises) -> None:
    core.create_flow("f")
    assert core.value("select flow_type from pgflow.flows") == "flow"
    core.do("update pgflow.flows set flow_type = %s", kind)
    assert core.create_flow("f")["flow_type"] == kind
    with raises('new row for relation "flows" violates check constraint "flow_type_is_valid"'):
        core.do("update pgflow.flows set flow_type = 'task'")
