"""Operations on the flows of a database. Each knows its cause, its reverse, and its effect on runs.

An operation is a value: what it says to people is here, what it says to PostgreSQL is `render.statements`.
"""

from __future__ import annotations

from pgflowc.plan.ops.flows import (
    ChangeKind,
    ChangeOption,
    CreateFlow,
    DropFlow,
    Kind,
    OptionName,
    RecreateFlow,
    SetRetention,
    SetSchedule,
)
from pgflowc.plan.ops.operation import (
    Mark,
    Operation,
    shown,
)
from pgflowc.plan.ops.steps import (
    AddStep,
    ChangeCondition,
    ChangeDependencies,
    ChangePayload,
    ChangeType,
    ConditionName,
    OrderSteps,
    RemoveStep,
    RenameStep,
    SetSignal,
)
from pgflowc.plan.ops.versions import (
    CreateVersion,
    DropVersion,
    SwitchVersion,
)

__all__ = [
    "AddStep",
    "ChangeCondition",
    "ChangeDependencies",
    "ChangeKind",
    "ChangeOption",
    "ChangePayload",
    "ChangeType",
    "ConditionName",
    "CreateFlow",
    "CreateVersion",
    "DropFlow",
    "DropVersion",
    "Kind",
    "Mark",
    "Op",
    "Operation",
    "OptionName",
    "OrderSteps",
    "RecreateFlow",
    "RemoveStep",
    "RenameStep",
    "SetRetention",
    "SetSchedule",
    "SetSignal",
    "SwitchVersion",
    "shown",
]

Op = (
    CreateFlow
    | DropFlow
    | RecreateFlow
    | CreateVersion
    | DropVersion
    | SwitchVersion
    | ChangeOption
    | ChangeKind
    | SetSchedule
    | SetRetention
    | AddStep
    | RemoveStep
    | RenameStep
    | ChangeDependencies
    | ChangeType
    | ChangeCondition
    | SetSignal
    | OrderSteps
    | ChangePayload
)
