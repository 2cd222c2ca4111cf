"""Handlers of flow `alpha`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.alpha import AlphaInput, DoubleOutput, ReportDeps, ReportOutput


async def double(input: AlphaInput, ctx: Context[AlphaInput]) -> DoubleOutput:
    raise NotImplementedError("write step 'double' of flow 'alpha'")


async def report(deps: ReportDeps, ctx: Context[AlphaInput]) -> ReportOutput:
    raise NotImplementedError("write step 'report' of flow 'alpha'")
