"""Handler of job `clean_up`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.clean_up import CleanUpInput, CleanUpOutput


async def perform(input: CleanUpInput, ctx: Context[CleanUpInput]) -> CleanUpOutput:
    raise NotImplementedError("write job 'clean_up'")
