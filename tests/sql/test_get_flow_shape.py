"""pgflow._get_flow_shape (contract, section 6)."""

from __future__ import annotations

from psycopg.types.json import Jsonb


def test_a_shape_survives_the_database(core, shape) -> None:
    core.do("select pgflow._create_flow_from_shape('f', %s)", Jsonb(shape))
    assert core.value("select pgflow._get_flow_shape('f')") == shape


def test_the_shape_of_an_unknown_flow_has_no_steps(core) -> None:
    assert core.value("select pgflow._get_flow_shape('nope')") == {"steps": []}


def test_dependencies_are_sorted(core) -> None:
    core.flow("f", "b", "a", "c < b a")
    assert core.value("select pgflow._get_flow_shape('f')")["steps"][2]["dependencies"] == ["a", "b"]


def test_steps_come_in_their_order_and_without_options(core) -> None:
    core.flow("f", "z", "a < z", max_attempts=9)
    core.add_step("f", "m", ["a"], step_type="map", timeout=5, start_delay=1)
    shape = core.value("select pgflow._get_flow_shape(p_flow_slug => 'f')")
    assert [step["slug"] for step in shape["steps"]] == ["z", "a", "m"]
    assert set(shape) == {"steps"}
    assert set(shape["steps"][2]) == {
        "slug",
        "stepType",
        "dependencies",
        "whenUnmet",
        "whenExhausted",
        "requiredInputPattern",
        "forbiddenInputPattern",
    }
