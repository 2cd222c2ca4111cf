"""Whatever a stored definition holds, its spec says the same, or it is told why none can."""

from __future__ import annotations

import json
from unicodedata import category

from hypothesis import given, settings
from hypothesis import strategies as st

from pgflowc.document.referred import Specs
from pgflowc.graph.model import FlowOptions
from pgflowc.plan.shape import CronShape, FlowShape, StepShape
from pgflowc.pull import Stored, pull
from pgflowc.settings import DEFAULT_FLOWS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=3), JSON, TEXT)
def test_conditions_and_inputs_come_through(pattern: dict[str, object], value: object, note: str) -> None:
    step = StepShape("true", "single", (), required=_canonical(pattern))
    cron = CronShape("@hourly", "UTC", _canonical(value))
    shape = FlowShape("flow", FlowOptions(1, 1, 30), (step,), cron)
    pulled = pull([Stored("null", shape, notes=(note,))], Specs({}), DEFAULT_FLOWS)
    assert pulled.faults == ()
    # Nothing that a terminal or an editor would obey.
    lines = pulled.files["flows/null.yaml"].split("\n")
    assert not {category(one) for line in lines for one in line} & {"Cc", "Cf", "Zl", "Zp", "Co"}


@given(TEXT, TEXT)
def test_slugs_that_are_none_are_told(flow: str, step: str) -> None:
    steps = (StepShape(step, "single", ()),)
    stored = Stored(flow, FlowShape("flow", FlowOptions(1, 1, 30), steps))
    pulled = pull([stored], Specs({}), DEFAULT_FLOWS)
    assert bool(pulled.faults) != bool(pulled.files)
    assert all(fault.flow == flow and fault.message for fault in pulled.faults)
