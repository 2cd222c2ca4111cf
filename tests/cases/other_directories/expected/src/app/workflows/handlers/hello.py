"""Handler of job `hello`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from app.workflows._generated.hello import HelloInput, HelloOutput


async def perform(input: HelloInput, ctx: Context[HelloInput]) -> HelloOutput:
    raise NotImplementedError("write job 'hello'")
