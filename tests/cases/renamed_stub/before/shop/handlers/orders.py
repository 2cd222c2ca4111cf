"""Handlers of flow `orders`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.orders import BillDeps, BillOutput, OrdersInput, SendOutput, ValidateOutput


async def validate(input: OrdersInput, ctx: Context[OrdersInput]) -> ValidateOutput:
    return ValidateOutput(total=1)


async def bill(deps: BillDeps, ctx: Context[OrdersInput]) -> BillOutput:
    """Ask for the money."""
    # To be written by Zoë.
    raise NotImplementedError("write step 'bill' of flow 'orders'")  # soon


async def send(input: OrdersInput, ctx: Context[OrdersInput]) -> SendOutput:
    raise NotImplementedError("write step 'send' of flow 'orders'")


# The end.
