"""pgflow._compare_flow_shapes: what differs, in which words (contract, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from psycopg.types.json import Jsonb

Change = Callable[[list[dict[str, Any]]], object]


def changed(step: int, **values: Any) -> Change:
    return lambda steps: steps[step].update(values)


def without(step: int, key: str) -> Change:
    return lambda steps: steps[step].pop(key)


# What is done to the first shape, and what is said then.
DIFFERENCES: list[tuple[Change, list[str]]] = [
    (lambda steps: None, []),
    (
        lambda steps: steps.pop(),
        ["Step count differs: 1 vs 2", "Step at index 1: missing in first shape (second has 'b')"],
    ),
    (
        lambda steps: steps.append({"slug": "c"}),
        ["Step count differs: 3 vs 2", "Step at index 2: missing in second shape (first has 'c')"],
    ),
    (changed(0, slug="x"), ["Step at index 0: slug differs 'x' vs 'a'"]),
    (changed(1, stepType="single"), ["Step at index 1: type differs 'single' vs 'map'"]),
    (changed(1, dependencies=["z", "a", "z"]), ["Step at index 1: dependencies differ [a, z] vs [a]"]),
    (changed(1, dependencies=["a", "a"]), []),
    (changed(0, whenUnmet="fail"), ["Step at index 0: whenUnmet differs 'fail' vs 'skip'"]),
    (changed(1, whenExhausted="fail"), ["Step at index 1: whenExhausted differs 'fail' vs 'skip'"]),
    (
        changed(0, requiredInputPattern={"defined": True, "value": {}}),
        [
            "Step at index 0: requiredInputPattern differs "
            '\'{"value": {}, "defined": true}\' vs \'{"defined": false}\''
        ],
    ),
    (
        changed(0, forbiddenInputPattern={"defined": False}),
        [
            "Step at index 0: forbiddenInputPattern differs "
            '\'{"defined": false}\' vs \'{"value": {"x": 1}, "defined": true}\''
        ],
    ),
    (without(0, "slug"), []),
    (without(0, "stepType"), []),
    (without(0, "whenUnmet"), []),
    (without(0, "whenExhausted"), []),
    (
        without(0, "requiredInputPattern"),
        ["Step at index 0: requiredInputPattern differs '' vs '{\"defined\": false}'"],
    ),
    (changed(0, options={"timeout": 1}), []),
]


def test_differences(core, shape) -> None:
    for change, texts in DIFFERENCES:
        first = deepcopy(shape)
        change(first["steps"])
        assert (
            core.value(
                "select pgflow._compare_flow_shapes(p_local => %s, p_db => %s)", Jsonb(first), Jsonb(shape)
            )
            == texts
        )


def test_all_differences_are_told(core, shape) -> None:
    first = deepcopy(shape)
    first["steps"][0].update(slug="x", stepType="map")
    first["steps"][1].update(dependencies=[])
    assert core.value("select pgflow._compare_flow_shapes(%s, %s)", Jsonb(first), Jsonb(shape)) == [
        "Step at index 0: slug differs 'x' vs 'a'",
        "Step at index 0: type differs 'map' vs 'single'",
        "Step at index 1: dependencies differ [] vs [a]",
    ]
