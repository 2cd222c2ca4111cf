"""The spec language as JSON Schema 2020-12, for editors: derived from the model, so both say the same.

What pydantic derives is made stricter where the language is: keys are left out instead of null, payload types
have their own grammar, and keys that exclude each other do so here, too.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from pgflowc.document.referred import SCHEME
from pgflowc.spec.cron import SCHEDULE_SCHEMA
from pgflowc.spec.duration import Timeout
from pgflowc.spec.model import IMPORT_PATH, FlowModel, JobModel
from pgflowc.spec.slug import SLUG_SCHEMA
from pgflowc.spec.type_pattern import type_pattern
from pgflowc_language.keys import HANDLER_KEYS
from pgflowc_language.slugs import MAX_FLOW_LENGTH, PATTERN
from pgflowc_language.type_names import LONGEST_NAME, NAME, RESERVED

_PAYLOAD = {"$ref": "#/$defs/PayloadType"}
_EXAMPLES: dict[str, list[Any]] = {
    "flow": ["process_order"],
    "job": ["send_email"],
    "description": ["Validate, charge and confirm an order."],
    "version": [2, "2026-11"],
    "max_attempts": [3],
    "base_delay": [5, "30s"],
    "timeout": [60, "5m"],
    "start_delay": ["10s"],
    "on_change": ["drain"],
    "extra_fields": ["forbid", {"in": "forbid"}],
    "cron": ["@hourly", {"schedule": "0 9 * * mon-fri", "timezone": "Europe/Berlin"}],
    "retention": ["30d", {"completed": "7d", "failed": "30d"}],
    "completed": ["7d"],
    "failed": ["30d"],
    "schedule": ["0 9 * * mon-fri", "@daily"],
    "timezone": ["Europe/Berlin"],
    "catch_up": ["last"],
    "overlap": ["skip"],
    "types": [{"Item": {"sku": "str", "quantity": "int"}}],
    "input": [{"order_id": "int", "items": ["Item"], "note": "str | null"}],
    "output": [{"total": "decimal"}, ["Item"]],
    "steps": [{"validate": {"output": {"total": "decimal"}}, "charge": {"depends_on": ["validate"]}}],
    "perform": [{"output": {"message_id": "str"}}],
    "step": ["deliver"],
    "depends_on": [["validate"]],
    "map": ["list_items", "$input"],
    "handler": ["shop.mail:confirm"],
    "isolation": ["process"],
    "signal": [{"payload": {"paid": "bool"}, "wait_for": "24h"}],
    "approval": [{"payload": {"approved": "bool"}, "wait_for": "2d", "on_timeout": "skip"}],
    "payload": [{"approved": "bool", "by": "str"}],
    "wait_for": ["24h"],
    "on_timeout": ["skip"],
    "was": ["bill"],
    "if": [{"charge": {"paid": True}}],
    "if_not": [{"charge": {"paid": True}}],
    "when_unmet": ["skip"],
    "when_exhausted": ["skip"],
}  # fmt: skip
_PAYLOAD_TYPE: dict[str, Any] = {
    "description": "A payload type: a name such as str or Item, 'T | null', 'map of T', [T], {field: T}, "
    "{$enum: [a, b]}, {$ref: 'file.json#/...'} or {$python: 'module:Class'}.",
    "examples": ["str", "Item | null", "map of int", ["Item"], {"sku": "str"}, {"$enum": ["web", "phone"]}],
    "anyOf": [
        {"type": "string", "pattern": type_pattern()},
        {"type": "null"},
        {"type": "array", "items": _PAYLOAD, "minItems": 1, "maxItems": 1},
        {
            "type": "object",
            "propertyNames": {"pattern": "^[^$]"},
            "additionalProperties": _PAYLOAD,
        },
        {
            "type": "object",
            "properties": {
                "$enum": {
                    "description": "The values allowed.",
                    "type": "array",
                    "items": {"type": ["string", "integer", "boolean", "null"]},
                    "minItems": 1,
                    "uniqueItems": True,
                }
            },
            "required": ["$enum"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "$ref": {
                    "description": "A JSON Schema file, relative to this one, and the way in it.",
                    "type": "string",
                    "pattern": rf"^(?!{SCHEME})[^#]",
                }
            },
            "required": ["$ref"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "$python": {
                    "description": "An existing pydantic model.",
                    "type": "string",
                    "pattern": f"^{IMPORT_PATH}$",
                }
            },
            "required": ["$python"],
            "additionalProperties": False,
        },
    ],
}


def flow_schema() -> str:
    """The text of schemas/flow.schema.json: what one document of a spec file may hold."""
    generated: dict[str, Any] = TypeAdapter[FlowModel | JobModel](FlowModel | JobModel).json_schema()
    models: dict[str, Any] = generated["$defs"]
    for model in models.values():
        _tighten(model)
    for name, slug in (("FlowModel", "flow"), ("JobModel", "job")):
        models[name]["properties"][slug]["maxLength"] = MAX_FLOW_LENGTH
        _add_short_forms(models[name]["properties"])
    steps = models["FlowModel"]["properties"]["steps"]
    steps["patternProperties"] = {
        pattern: {"anyOf": [body, {"type": "null"}]} for pattern, body in steps["patternProperties"].items()
    }
    steps["additionalProperties"] = False
    perform = models["JobModel"]["properties"]["perform"]
    perform["anyOf"] = [{"$ref": perform.pop("$ref")}, {"type": "null"}]
    step = models["StepModel"]["properties"]
    step["depends_on"] |= {"items": SLUG_SCHEMA, "uniqueItems": True}
    step["map"] |= {"pattern": rf"^(?:\$input|(?!run$){PATTERN})$", "maxLength": SLUG_SCHEMA["maxLength"]}
    for body in (step, models["PerformModel"]["properties"]):
        for key in ("signal", "approval"):
            if key in body:
                body[key]["anyOf"] = [{"$ref": body[key].pop("$ref")}, {"type": "null"}]
    # A handler in a process of its own cannot wait.
    waits = {"signal": {"properties": {"isolation": {"not": {"const": "process"}}}}}
    models["PerformModel"]["dependentSchemas"] = waits
    models["StepModel"]["dependentSchemas"] = waits | {
        # A map step waits for its source and nothing else.
        "map": {"properties": {"depends_on": {"maxItems": 0}}},
        "approval": {"properties": dict.fromkeys(HANDLER_KEYS, False)},
    }
    models["PayloadType"] = _PAYLOAD_TYPE
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pgflowc flow or job",
        "description": "One document of a spec file: a flow with its steps, or a job.",
        "type": "object",
        # Not `anyOf`: an editor then explains the one that is meant, and not what the other one misses.
        "if": {"required": ["job"]},
        "then": {"$ref": "#/$defs/JobModel"},
        "else": {"$ref": "#/$defs/FlowModel"},
        "$defs": models,
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _tighten(model: dict[str, Any]) -> None:
    """Optional keys are left out, never null; payload types have a grammar; titles repeat the keys."""
    model.pop("title", None)
    for key, value in model["properties"].items():
        value.pop("title", None)
        if value.get("default", 0) is None:
            del value["default"]
        choices = [choice for choice in value.pop("anyOf", []) if choice != {"type": "null"}]
        if len(choices) == 1:
            value.update(choices[0] | value)
        elif choices:
            value["anyOf"] = choices
        if key in ("output", "payload") or (key == "input" and "schedule" not in model["properties"]):
            value.pop("anyOf", None)
            value["$ref"] = _PAYLOAD["$ref"]
        elif key == "types":
            value["additionalProperties"] = _PAYLOAD
            value["propertyNames"] = {
                "pattern": f"^{NAME}$",
                "maxLength": LONGEST_NAME,
                "not": {"enum": sorted(RESERVED)},
            }
        value["examples"] = _EXAMPLES[key] if key in _EXAMPLES else value.get("enum", [])
        if not value["examples"]:
            del value["examples"]


def _add_short_forms(properties: dict[str, Any]) -> None:
    cron, extra = properties["cron"], properties["extra_fields"]
    cron["anyOf"] = [SCHEDULE_SCHEMA, {"$ref": cron.pop("$ref")}]
    retention = properties["retention"]
    retention["anyOf"] = [
        *TypeAdapter[int](Timeout).json_schema()["anyOf"],
        {"$ref": retention.pop("$ref"), "minProperties": 1},
    ]
    extra["anyOf"] = [{"enum": ["ignore", "forbid"]}, {"$ref": extra.pop("$ref")}]
