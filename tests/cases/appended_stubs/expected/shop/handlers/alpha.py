"""My handlers."""

import functools  # kept
from shop._generated.alpha import (
    AlphaInput,
    DoubleOutput,
    EachDeps,
    EachOutput,
    EachOutputItem,
    ReportDeps,
    ShoutOutput,
)
from   pgflowc_runtime import Context as   Context


SETTING = {'odd':   "formatting"}   # stays as it is

def double(input : AlphaInput, ctx: Context[AlphaInput]) -> DoubleOutput :
	return input.n*2

if SETTING:
    async def report(deps: ReportDeps, ctx: Context[AlphaInput]) -> None: ...

wrapped = functools.partial(print)
# no line end


async def each(deps: EachDeps, ctx: Context[AlphaInput]) -> EachOutput:
    raise NotImplementedError("write step 'each' of flow 'alpha'")


async def shout(item: EachOutputItem, ctx: Context[AlphaInput]) -> ShoutOutput:
    """Say it loudly."""
    raise NotImplementedError("write step 'shout' of flow 'alpha'")
