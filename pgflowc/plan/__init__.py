"""What is to be done: the lock's state against the flows as they are now gives a plan, which is data."""

from __future__ import annotations

from pgflowc.plan.integrity import checksum
from pgflowc.plan.lock import LOCK, Lock, LockedFlow, LockedMigration, dump_lock, parse_lock
from pgflowc.plan.ops import CreateFlow, DeleteFlow, Migration, Plan
from pgflowc.plan.plan import plan
from pgflowc.plan.shape import FlowShape, StepShape, definition_hash, shape_of

__all__ = [
    "LOCK",
    "CreateFlow",
    "DeleteFlow",
    "FlowShape",
    "Lock",
    "LockedFlow",
    "LockedMigration",
    "Migration",
    "Plan",
    "StepShape",
    "checksum",
    "definition_hash",
    "dump_lock",
    "parse_lock",
    "plan",
    "shape_of",
]
