"""Handler of job `beta`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.beta import BetaInput, BetaOutput


async def perform(input: BetaInput, ctx: Context[BetaInput]) -> BetaOutput:
    raise NotImplementedError("write job 'beta'")
