"""pgflow.ensure_flow_compiled, in both generations' forms (contract, sections 6 and 17.1)."""

from __future__ import annotations

import threading
from typing import Any

from psycopg.types.json import Jsonb


def compile_flow(core, shape: Any, **more: Any) -> Any:
    return core.call("ensure_flow_compiled", flow_slug="f", shape=Jsonb(shape), **more)[0][
        "ensure_flow_compiled"
    ]


def test_compiled_then_verified(core, shape) -> None:
    assert compile_flow(core, shape) == {"status": "compiled", "differences": []}
    assert compile_flow(core, shape) == {"status": "verified", "differences": []}


def test_a_mismatch_leaves_everything(core, shape) -> None:
    compile_flow(core, shape)
    core.start("f")
    differences = ["Step at index 0: slug differs 'x' vs 'a'"]
    shape["steps"][0]["slug"] = "x"
    assert compile_flow(core, shape) == {"status": "mismatch", "differences": differences}
    assert core.value("select count(*) from pgflow.runs") == 1


def test_data_loss_has_to_be_allowed(core, shape) -> None:
    compile_flow(core, shape)
    core.start("f")
    result = compile_flow(core, {"steps": shape["steps"][:1]}, allow_data_loss=True)
    assert result["status"] == "recompiled"
    assert len(result["differences"]) == 2
    assert core.value("select count(*) from pgflow.runs") == 0
    assert core.column("select step_slug from pgflow.steps") == ["a"]


def test_workers_that_start_at_once_compile_once(core, another, shape) -> None:
    results: list[str] = []
    drivers = [another() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda d: results.append(compile_flow(d, shape)["status"]), args=(driver,))
        for driver in drivers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["compiled", "verified", "verified", "verified"]


def test_a_local_stack_recompiles(core, shape) -> None:
    compile_flow(core, shape)
    core.do("set app.settings.jwt_secret = 'super-secret-jwt-token-with-at-least-32-characters-long'")
    shape["steps"][0]["whenUnmet"] = "fail"
    assert compile_flow(core, shape)["status"] == "recompiled"


def test_options_alone_are_no_difference(core, shape) -> None:
    compile_flow(core, shape)
    shape["options"] = {"maxAttempts": 9}
    shape["steps"][0]["options"] = {"timeout": 1}
    assert compile_flow(core, shape) == {"status": "verified", "differences": []}
