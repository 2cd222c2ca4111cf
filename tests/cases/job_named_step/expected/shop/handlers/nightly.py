"""Handler of job `nightly`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.nightly import CleanUpOutput, NightlyInput


async def perform(input: NightlyInput, ctx: Context[NightlyInput]) -> CleanUpOutput:
    raise NotImplementedError("write job 'nightly'")
