"""pgflow._create_flow_from_shape (contract, section 6)."""

from __future__ import annotations

from psycopg.types.json import Jsonb


def test_options_of_a_shape_are_stored(core, shape) -> None:
    shape["steps"][0]["options"] = {"maxAttempts": 1, "baseDelay": 2, "timeout": 3, "startDelay": 4}
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
