"""A difference for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any

from pgflowc.plan.difference import Difference, FlowDifference, Line
from pgflowc.plan.ops import OrderSteps
from pgflowc.render.differences import words


def render(found: Difference) -> str:
    """One JSON object; its keys are described in docs/diff.md."""
    lines = list(found.lines)
    report = {
        "from": found.before,
        "to": found.after,
        "different": bool(found.flows),
        "flows": [_flow(flow) for flow in found.flows],
        "strangers": list(found.strangers),
        "notes": list(found.notes),
        "summary": {
            "flows": len(found.flows),
            "operations": len(lines),
            "drift": sum(line.drift is not None for line in lines),
            "breaks": sum(flow.alive.broken_by_any for flow in found.flows if flow.alive),
            "text": words.summary(found),
        },
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _flow(flow: FlowDifference) -> dict[str, Any]:
    alive = flow.alive
    return {
        "name": flow.name,
        "kind": flow.kind,
        "stored": flow.stored,
        "source": flow.source,
        "mark": flow.mark,
        "operations": [_line(line) for line in flow.lines if not isinstance(line.op, OrderSteps)],
        "alive": alive
        and {
            "runs": alive.count,
            "oldest": alive.oldest.isoformat() if alive.oldest else None,
            "steps": dict(sorted(alive.steps.items())),
            "broken": alive.broken_by_any,
        },
        "notes": list(flow.notes),
        "rollout": asdict(flow.rollout) if flow.rollout else None,
    }


def _line(line: Line) -> dict[str, Any]:
    op = line.op
    step = getattr(op, "step", None)
    return {
        "mark": line.mark,
        "operation": type(op).__name__,
        "step": step if isinstance(step, str) or step is None else step.slug,
        "subject": op.subject,
        "text": op.text,
        "before": _plain(getattr(op, "before", None)),
        "after": _plain(getattr(op, "after", None)),
        "safety": line.word,
        "detail": line.detail,
        "breaks": line.breaks,
        "examples": list(line.examples),
        "drift": line.drift,
    }


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
