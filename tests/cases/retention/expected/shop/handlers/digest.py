"""Handlers of flow `digest`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.digest import BuildOutput, DigestInput


async def build(input: DigestInput, ctx: Context[DigestInput]) -> BuildOutput:
    raise NotImplementedError("write step 'build' of flow 'digest'")
