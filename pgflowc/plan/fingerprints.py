"""Fingerprints of payload types tell whether a flow's Python API changed, without the types themselves."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import assert_never

from pgflowc.graph.model import Flow
from pgflowc_language.payload_types import (
    Array,
    Enum,
    MapOf,
    Named,
    NamedTypes,
    Object,
    OneOf,
    PayloadType,
    Python,
    Scalar,
)

INPUT = "$input"


def fingerprints(flow: Flow) -> dict[str, str]:
    """16 hex digits for each payload type that the flow declares: by step, and under `INPUT` for its input.

    Names count as the types behind them, and the order of fields plays no part.
    """
    declared = [(step.slug, step.output) for step in flow.steps]
    found = [(INPUT, flow.input), *sorted(declared)] if flow.input is not None else sorted(declared)
    return {name: _fingerprint(type_, flow.types) for name, type_ in found if type_ is not None}


def _fingerprint(type_: PayloadType, types: NamedTypes) -> str:
    spelling = _Spelling(types)
    text = "\n".join([spelling.of(type_), *spelling.named])
    return sha256(text.encode()).hexdigest()[:16]


class _Spelling:
    """Types as texts that are the same for the same type; `named` are those behind names, as met."""

    def __init__(self, types: NamedTypes) -> None:
        self._types = types
        self._places: dict[str, int] = {}
        self.named: list[str] = []

    def of(self, type_: PayloadType) -> str:
        match type_:
            case Scalar(name):
                return name
            case Array(item):
                return f"[{self.of(item)}]"
            case MapOf(value):
                return f"map({self.of(value)})"
            case OneOf(members):
                return f"({'|'.join(map(self.of, members))})"
            case Enum(values):
                return f"enum{json.dumps(values)}"
            case Object(fields):
                inner = (
                    f"{json.dumps(field.name)}{'?' if field.optional else ''}:{self.of(field.type)}"
                    for field in sorted(fields, key=lambda field: field.name)
                )
                return f"{{{','.join(inner)}}}"
            case Named(name):
                return self._of_name(name)
            case Python(module, name):
                return f"python({module}:{name})"
            case _:
                assert_never(type_)

    def _of_name(self, name: str) -> str:
        # A name is the place of its type among those met, so that renaming it changes nothing.
        if name not in self._places:
            self._places[name] = len(self.named)
            self.named.append("")
            self.named[self._places[name]] = self.of(self._types[name]) if name in self._types else "any"
        return f"#{self._places[name]}"
