"""Handlers of flow `order`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.order import ChargeDeps, ChargeOutput, CheckOutput, OrderInput


async def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
    raise NotImplementedError("write step 'check' of flow 'order'")


async def bill(deps: ChargeDeps, ctx: Context[OrderInput]) -> ChargeOutput:
    raise NotImplementedError("write step 'charge' of flow 'order'")
