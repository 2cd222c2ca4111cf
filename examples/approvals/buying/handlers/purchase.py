"""Handlers of flow `purchase`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context, SignalContext, SignalTimeout

from buying import suppliers
from buying._generated.purchase import (
    OrderDeps,
    OrderOutput,
    OrderSignal,
    PriceOutput,
    PurchaseInput,
)


async def price(input: PurchaseInput, ctx: Context[PurchaseInput]) -> PriceOutput:
    """Add up the order, and see whether it is over the limit."""
    total = input.quantity * input.price
    return PriceOutput(total=total, needs_approval=total > suppliers.LIMIT)


async def order(
    deps: OrderDeps,
    ctx: SignalContext[PurchaseInput, OrderSignal],
) -> OrderOutput:
    """Order at the supplier, and wait for its confirmation."""
    if deps.approve is not None and not deps.approve.approved:
        return OrderOutput(ordered=False, why=f"{deps.approve.by} said no")
    wanted = await ctx.flow_input()
    # This handler is called again when the signal has come: what it does before must not happen twice.
    suppliers.send_order(ctx.run_id, wanted.item, wanted.quantity)
    try:
        confirmation = await ctx.await_signal()
    except SignalTimeout:
        return OrderOutput(ordered=False, why="the supplier does not answer")
    why = "under the limit" if deps.approve is None else f"{deps.approve.by} said yes"
    return OrderOutput(ordered=True, number=confirmation.number, why=why)
