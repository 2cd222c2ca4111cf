"""Handlers of flow `omega`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.omega import DoubleOutput, OmegaInput, ReportDeps, ReportOutput


async def double(input: OmegaInput, ctx: Context[OmegaInput]) -> DoubleOutput:
    raise NotImplementedError("write step 'double' of flow 'omega'")


async def report(deps: ReportDeps, ctx: Context[OmegaInput]) -> ReportOutput:
    raise NotImplementedError("write step 'report' of flow 'omega'")
