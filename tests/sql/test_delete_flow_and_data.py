"""pgflow.delete_flow_and_data: there is no way back (contract, section 5)."""

from __future__ import annotations


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
