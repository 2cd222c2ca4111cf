"""What is to be done: the lock's state against the flows as they are now gives a plan, which is data."""

from __future__ import annotations

from pgflowc.plan.changes import changes, undo
from pgflowc.plan.fingerprints import fingerprints
from pgflowc.plan.integrity import checksum
from pgflowc.plan.lock import (
    LOCK,
    FlowCode,
    Lock,
    LockedFlow,
    LockedMigration,
    LockedVersion,
    chained,
    dump_lock,
    locked,
)
from pgflowc.plan.lock_text import parse_lock
from pgflowc.plan.model import GENERATED, Migration, MigrationFormat, Plan
from pgflowc.plan.plan import Target, plan
from pgflowc.plan.shape import CronShape, FlowShape, StepShape, definition_hash, shape_of

__all__ = [
    "GENERATED",
    "LOCK",
    "CronShape",
    "FlowCode",
    "FlowShape",
    "Lock",
    "LockedFlow",
    "LockedMigration",
    "LockedVersion",
    "Migration",
    "MigrationFormat",
    "Plan",
    "StepShape",
    "Target",
    "chained",
    "changes",
    "checksum",
    "definition_hash",
    "dump_lock",
    "fingerprints",
    "locked",
    "parse_lock",
    "plan",
    "shape_of",
    "undo",
]
