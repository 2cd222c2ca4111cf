"""Flows defined at run time, from data of the same shape as a spec.

    {"flow": "sync_acme", "max_attempts": 3, "retention": "30d", "steps": {
        "fetch": {"timeout": 60},
        "store": {"map": "fetch", "if": {"fetch": []}, "when_exhausted": "skip"},
        "approve": {"depends_on": ["store"], "approval": {"payload": {"by": "str"}, "wait_for": "2d"}},
    }}

A job has `job` and `perform` in place of `flow` and `steps`. What only the compiler needs, types of inputs
and outputs and handlers, has no place here. Durations are seconds, or texts such as `90s` and `5m`. Pure.
"""

from pgflowc_runtime.definitions.fault import Fault
from pgflowc_runtime.definitions.model import Definition
from pgflowc_runtime.definitions.parser import invalid_definition, parse_definition, read_definition

__all__ = ["Definition", "Fault", "invalid_definition", "parse_definition", "read_definition"]
