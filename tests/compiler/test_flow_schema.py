"""schemas/flow.schema.json is what the model says today."""

from __future__ import annotations

from pgflowc.resources import resource_root
from pgflowc.spec.json_schema import flow_schema


def test_the_shipped_schema_is_current() -> None:
    shipped = (resource_root() / "schemas" / "flow.schema.json").read_text(encoding="utf-8")
    assert shipped == flow_schema(), (
        "write it anew: python -c 'from pgflowc.spec.json_schema import flow_schema as f; "
        'print(f(), end="")\' > schemas/flow.schema.json'
    )
