"""Handlers of flow `optional`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.optional import (
    DoubleOutput,
    NothingDeps,
    NothingOutput,
    NumbersDeps,
    NumbersOutput,
    OptionalInput,
    ProbeOutput,
    TotalDeps,
    TotalOutput,
)


async def probe(input: OptionalInput, ctx: Context[OptionalInput]) -> ProbeOutput:
    raise NotImplementedError("write step 'probe' of flow 'optional'")


async def numbers(deps: NumbersDeps, ctx: Context[OptionalInput]) -> NumbersOutput:
    raise NotImplementedError("write step 'numbers' of flow 'optional'")


async def double(item: int, ctx: Context[OptionalInput]) -> DoubleOutput:
    raise NotImplementedError("write step 'double' of flow 'optional'")


async def nothing(deps: NothingDeps, ctx: Context[OptionalInput]) -> NothingOutput:
    raise NotImplementedError("write step 'nothing' of flow 'optional'")


async def total(deps: TotalDeps, ctx: Context[OptionalInput]) -> TotalOutput:
    raise NotImplementedError("write step 'total' of flow 'optional'")
