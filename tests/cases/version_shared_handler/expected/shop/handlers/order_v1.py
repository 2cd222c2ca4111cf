"""Handlers of flow `order`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.order_v1 import LogDeps, LogOutput, OrderInput


async def log(deps: LogDeps, ctx: Context[OrderInput]) -> LogOutput:
    raise NotImplementedError("write step 'log' of flow 'order'")
