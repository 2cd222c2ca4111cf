"""_get_flow_shape, _compare_flow_shapes, _create_flow_from_shape, ensure_flow_compiled, is_local."""

from __future__ import annotations

import threading
from copy import deepcopy
from typing import Any

from psycopg.types.json import Jsonb

UNDEFINED = {"defined": False}
SHAPE: dict[str, Any] = {
    "steps": [
        {
            "slug": "a",
            "stepType": "single",
            "dependencies": [],
            "whenUnmet": "skip",
            "whenExhausted": "fail",
            "requiredInputPattern": UNDEFINED,
            "forbiddenInputPattern": {"defined": True, "value": {"x": 1}},
        },
        {
            "slug": "b",
            "stepType": "map",
            "dependencies": ["a"],
            "whenUnmet": "skip-cascade",
            "whenExhausted": "skip",
            "requiredInputPattern": UNDEFINED,
            "forbiddenInputPattern": UNDEFINED,
        },
    ]
}


def compare(core, first: Any, second: Any) -> list[str]:
    return core.value("select pgflow._compare_flow_shapes(%s, %s)", Jsonb(first), Jsonb(second))


def compile_flow(core, shape: Any, **more: Any) -> Any:
    return core.call("ensure_flow_compiled", flow_slug="f", shape=Jsonb(shape), **more)[0][
        "ensure_flow_compiled"
    ]


def changed(step: int, **values: Any) -> Any:
    shape = deepcopy(SHAPE)
    shape["steps"][step].update(values)
    return shape


def without(step: int, key: str) -> Any:
    shape = deepcopy(SHAPE)
    del shape["steps"][step][key]
    return shape


def test_a_shape_survives_the_database(core) -> None:
    core.do("select pgflow._create_flow_from_shape('f', %s)", Jsonb(SHAPE))
    assert core.value("select pgflow._get_flow_shape('f')") == SHAPE


def test_the_shape_of_an_unknown_flow_has_no_steps(core) -> None:
    assert core.value("select pgflow._get_flow_shape('nope')") == {"steps": []}


def test_dependencies_are_sorted(core) -> None:
    core.flow("f", "b", "a", "c < b a")
    assert core.value("select pgflow._get_flow_shape('f')")["steps"][2]["dependencies"] == ["a", "b"]


def test_options_of_a_shape_are_stored(core) -> None:
    shape = changed(0, options={"maxAttempts": 1, "baseDelay": 2, "timeout": 3, "startDelay": 4})
    shape["options"] = {"maxAttempts": 5, "timeout": 7}
    core.do("select pgflow._create_flow_from_shape('f', %s)", Jsonb(shape))
    flow = core.row("select * from pgflow.flows")
    assert (flow["opt_max_attempts"], flow["opt_base_delay"], flow["opt_timeout"]) == (5, 5, 7)
    step = core.row("select * from pgflow.steps where step_slug = 'a'")
    options = [step[f"opt_{name}"] for name in ("max_attempts", "base_delay", "timeout", "start_delay")]
    assert options == [1, 2, 3, 4]


def test_modes_a_shape_leaves_out_are_skip_and_fail(core) -> None:
    core.do(
        "select pgflow._create_flow_from_shape('f', %s)",
        Jsonb({"steps": [{"slug": "a", "stepType": "single", "dependencies": []}]}),
    )
    step = core.row("select when_unmet, when_exhausted from pgflow.steps")
    assert step == {"when_unmet": "skip", "when_exhausted": "fail"}


DIFFERENCES: list[tuple[Any, list[str]]] = [
    (SHAPE, []),
    (
        {"steps": SHAPE["steps"][:1]},
        ["Step count differs: 1 vs 2", "Step at index 1: missing in first shape (second has 'b')"],
    ),
    (
        {"steps": [*SHAPE["steps"], {"slug": "c"}]},
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
        changed(0, forbiddenInputPattern=UNDEFINED),
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


def test_differences(core) -> None:
    for first, texts in DIFFERENCES:
        assert compare(core, first, SHAPE) == texts


def test_compiled_then_verified(core) -> None:
    assert compile_flow(core, SHAPE) == {"status": "compiled", "differences": []}
    assert compile_flow(core, SHAPE) == {"status": "verified", "differences": []}


def test_a_mismatch_leaves_everything(core) -> None:
    compile_flow(core, SHAPE)
    core.start("f")
    differences = ["Step at index 0: slug differs 'x' vs 'a'"]
    assert compile_flow(core, changed(0, slug="x")) == {"status": "mismatch", "differences": differences}
    assert core.value("select count(*) from pgflow.runs") == 1


def test_data_loss_has_to_be_allowed(core) -> None:
    compile_flow(core, SHAPE)
    core.start("f")
    result = compile_flow(core, {"steps": SHAPE["steps"][:1]}, allow_data_loss=True)
    assert result["status"] == "recompiled"
    assert len(result["differences"]) == 2
    assert core.value("select count(*) from pgflow.runs") == 0
    assert core.column("select step_slug from pgflow.steps") == ["a"]


def test_a_local_stack_recompiles(core) -> None:
    assert core.value("select pgflow.is_local()") is False
    core.do("set app.settings.jwt_secret = 'super-secret-jwt-token-with-at-least-32-characters-long'")
    assert core.value("select pgflow.is_local()") is True
    compile_flow(core, SHAPE)
    assert compile_flow(core, changed(0, slug="a", whenUnmet="fail"))["status"] == "recompiled"


def test_workers_that_start_at_once_compile_once(core, another) -> None:
    results: list[str] = []
    drivers = [another() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda d: results.append(compile_flow(d, SHAPE)["status"]), args=(driver,))
        for driver in drivers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["compiled", "verified", "verified", "verified"]
