"""What a user may write: a document is decoded into the pydantic model of the spec language, or reported."""

from __future__ import annotations

from pgflowc.spec.decode import decode
from pgflowc.spec.model import (
    ApprovalModel,
    CronModel,
    ExtraFieldsModel,
    FlowModel,
    JobModel,
    PerformModel,
    RetentionModel,
    SignalModel,
    StepModel,
)
from pgflowc.spec.spec import Spec

__all__ = [
    "ApprovalModel",
    "CronModel",
    "ExtraFieldsModel",
    "FlowModel",
    "JobModel",
    "PerformModel",
    "RetentionModel",
    "SignalModel",
    "Spec",
    "StepModel",
    "decode",
]
