"""Handlers of flow `alpha`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.alpha import (
    AlphaInput,
    DoubleOutput,
    ReportDeps,
    ReportOutput,
    TripleDeps,
    TripleOutput,
)


async def double(input: AlphaInput, ctx: Context[AlphaInput]) -> DoubleOutput:
    raise NotImplementedError("write step 'double' of flow 'alpha'")


async def report(deps: ReportDeps, ctx: Context[AlphaInput]) -> ReportOutput:
    raise NotImplementedError("write step 'report' of flow 'alpha'")


async def triple(deps: TripleDeps, ctx: Context[AlphaInput]) -> TripleOutput:
    raise NotImplementedError("write step 'triple' of flow 'alpha'")
