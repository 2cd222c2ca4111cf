"""pgflow.is_valid_slug: which texts may name a flow or a step (contract, section 5)."""

from __future__ import annotations

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
