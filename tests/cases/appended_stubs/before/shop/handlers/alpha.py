"""My handlers."""

import functools  # kept
from shop._generated.alpha import (AlphaInput,
   DoubleOutput, ReportDeps)
from   pgflowc_runtime import Context as   Context


SETTING = {'odd':   "formatting"}   # stays as it is

def double(input : AlphaInput, ctx: Context[AlphaInput]) -> DoubleOutput :
	return input.n*2

if SETTING:
    async def report(deps: ReportDeps, ctx: Context[AlphaInput]) -> None: ...

wrapped = functools.partial(print)
# no line end