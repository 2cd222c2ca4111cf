"""pgflow.flow_exists (contract, section 17.4)."""

from __future__ import annotations


def test_flow_exists(core) -> None:
    core.create_flow("Orders")
    assert core.value("select pgflow.flow_exists(p_flow_slug => 'Orders')") is True
    assert core.value("select pgflow.flow_exists('orders')") is False
