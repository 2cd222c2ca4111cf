"""What a user may write: a document is decoded into the pydantic model of the spec language, or reported."""

from __future__ import annotations

from pgflowc.spec.decode import decode
from pgflowc.spec.model import (
    CronModel,
    ExtraFieldsModel,
    FlowModel,
    JobModel,
    PerformModel,
    RetentionModel,
    StepModel,
)
from pgflowc.spec.spec import Spec

__all__ = [
    "CronModel",
    "ExtraFieldsModel",
    "FlowModel",
    "JobModel",
    "PerformModel",
    "RetentionModel",
    "Spec",
    "StepModel",
    "decode",
]
