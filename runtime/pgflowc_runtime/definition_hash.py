"""The hash of a definition as a database has it, to be held against the one that generated code states.

The compiler makes the same hash of a spec (`pgflowc.plan.shape`): sixteen hex digits of the SHA-256 of
canonical JSON, in which steps and dependencies are sorted. Neither package imports the other, and a test
compares the two for every kind of definition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

_OPTIONS = ("max_attempts", "base_delay", "timeout")
_USUAL = {"when_unmet": "skip", "when_exhausted": "fail"}


def definition_hash(
    kind: str, flow: Mapping[str, Any], steps: Sequence[tuple[Mapping[str, Any], Sequence[str]]]
) -> str:
    """The hash of a row of pgflow.flows and its rows of pgflow.steps, each with the steps it waits for.

    Columns that a core of another family member lacks count as never set.
    """
    definition = {
        "slug": flow["flow_slug"],
        "kind": kind,
        "options": {name: flow[f"opt_{name}"] for name in _OPTIONS},
        "steps": [
            _step(row, depends_on) for row, depends_on in sorted(steps, key=lambda one: one[0]["step_slug"])
        ],
    }
    return sha256(_canonical(definition, ascii=True).encode()).hexdigest()[:16]


def _step(row: Mapping[str, Any], depends_on: Sequence[str]) -> dict[str, Any]:
    return {
        "slug": row["step_slug"],
        "kind": row.get("step_type") or "single",
        "depends_on": sorted(depends_on),
        **{name: row.get(f"opt_{name}") for name in (*_OPTIONS, "start_delay")},
        "required": _pattern(row.get("required_input_pattern")),
        "forbidden": _pattern(row.get("forbidden_input_pattern")),
        **{name: row.get(name) or usual for name, usual in _USUAL.items()},
    }


def _pattern(value: Any) -> str | None:
    return None if value is None else _canonical(value)


def _canonical(value: Any, *, ascii: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ascii, sort_keys=True, separators=(",", ":"))
