"""Handlers of flow `orders`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.orders import (
    ChargeDeps,
    ChargeOutput,
    NotifyOutput,
    OrdersInput,
    ShipDeps,
    ShipOutput,
    ValidateOutput,
)


async def validate(input: OrdersInput, ctx: Context[OrdersInput]) -> ValidateOutput:
    return ValidateOutput(total=1)


async def charge(deps: ChargeDeps, ctx: Context[OrdersInput]) -> ChargeOutput:
    """Ask for the money."""
    # To be written by Zoë.
    raise NotImplementedError("write step 'charge' of flow 'orders'")  # soon


async def ship(deps: ShipDeps, ctx: Context[OrdersInput]) -> ShipOutput:
    raise NotImplementedError("write step 'ship' of flow 'orders'")


# The end.


async def notify(input: OrdersInput, ctx: Context[OrdersInput]) -> NotifyOutput:
    raise NotImplementedError("write step 'notify' of flow 'orders'")
