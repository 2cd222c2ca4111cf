"""Handlers of flow `alpha`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.alpha import AlphaInput, FirstOutput


async def first(input: AlphaInput, ctx: Context[AlphaInput]) -> FirstOutput:
    raise NotImplementedError("write step 'first' of flow 'alpha'")
