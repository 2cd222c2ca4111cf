"""Fingerprints of payload types tell whether a flow's Python API changed, without the types themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any

from pgflowc.graph.model import Flow
from pgflowc.graph.payload import Field, Named, Object, PayloadType

INPUT = "$input"


def fingerprints(flow: Flow) -> dict[str, str]:
    """16 hex digits for each payload type that the flow declares: by step, and under `INPUT` for its input.

    Names count as the types behind them, and the order of fields plays no part.
    """
    types = {one.name: one.type for one in flow.types}
    declared = {INPUT: flow.input, **{step.slug: step.output for step in flow.steps}}
    return {name: _fingerprint(type_, types) for name, type_ in sorted(declared.items()) if type_ is not None}


def _fingerprint(type_: PayloadType, types: Mapping[str, PayloadType]) -> str:
    names: dict[str, int] = {}
    bodies: list[Any] = []

    def plain(value: Any) -> Any:
        match value:
            case Named(name) if name in types:
                # A name is the place of its type among those met, so that renaming it changes nothing.
                if name not in names:
                    names[name] = len(bodies)
                    bodies.append(None)
                    bodies[names[name]] = plain(types[name])
                return {"named": names[name]}
            case Object(found):
                by_name = sorted(found, key=_name)
                return {"kind": "Object", "fields": [plain(field) for field in by_name]}
            case tuple():
                return [plain(item) for item in value]
            case _ if is_dataclass(value):
                inner = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
                return {"kind": type(value).__name__, **inner}
            case _:
                return value

    canonical = json.dumps([plain(type_), bodies], sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:16]


def _name(field: Field) -> str:
    return field.name
