"""The spec language as JSON Schema 2020-12, for editors: derived from the model, so both say the same."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from pgflowc.spec.model import FlowModel, JobModel


def flow_schema() -> str:
    """The text of schemas/flow.schema.json: what one document of a spec file may hold."""
    generated: dict[str, Any] = TypeAdapter[FlowModel | JobModel](FlowModel | JobModel).json_schema()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pgflowc flow or job",
        **generated,
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
