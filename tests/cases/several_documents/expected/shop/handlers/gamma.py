"""Handler of job `gamma`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.gamma import GammaInput, GammaOutput


async def perform(input: GammaInput, ctx: Context[GammaInput]) -> GammaOutput:
    raise NotImplementedError("write job 'gamma'")
