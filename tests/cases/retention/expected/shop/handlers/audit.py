"""Handlers of flow `audit`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.audit import AuditInput, CheckOutput


async def check(input: AuditInput, ctx: Context[AuditInput]) -> CheckOutput:
    raise NotImplementedError("write step 'check' of flow 'audit'")
