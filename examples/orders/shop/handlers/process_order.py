"""Handlers of flow `process_order`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from collections import Counter
from decimal import Decimal

from pgflowc_runtime import Context

from shop import catalogue, orders, settings
from shop._generated.process_order import (
    ChargeDeps,
    ChargeOutput,
    ConfirmDeps,
    ConfirmOutput,
    Item,
    ListItemsDeps,
    ProcessOrderInput,
    ReserveItemsOutput,
    ValidateOutput,
)
from shop.payments import Gateway


async def validate(input: ProcessOrderInput, ctx: Context[ProcessOrderInput]) -> ValidateOutput:
    """Check the order and work out its total from the catalogue."""
    if not input.items:
        raise ValueError("an order needs at least one item")
    if any(item.quantity < 1 for item in input.items):
        raise ValueError("a quantity is at least 1")
    prices = await catalogue.prices(settings.database_dsn(), (item.sku for item in input.items))
    total = sum((prices[item.sku] * item.quantity for item in input.items), Decimal(0))
    return ValidateOutput(order_id=input.order_id, total=total, items=input.items)


async def list_items(deps: ListItemsDeps, ctx: Context[ProcessOrderInput]) -> list[Item]:
    """Add up the quantities, so that each product is reserved once."""
    quantities: Counter[str] = Counter()
    for item in deps.validate.items:
        quantities[item.sku] += item.quantity
    return [Item(sku=sku, quantity=quantity) for sku, quantity in sorted(quantities.items())]


async def reserve_items(item: Item, ctx: Context[ProcessOrderInput]) -> ReserveItemsOutput:
    """Take one product out of the stock."""
    order = await ctx.flow_input()
    left = await catalogue.reserve(settings.database_dsn(), order.order_id, item.sku, item.quantity)
    return ReserveItemsOutput(sku=item.sku, quantity=item.quantity, left=left)


async def charge(deps: ChargeDeps, ctx: Context[ProcessOrderInput]) -> ChargeOutput:
    """Charge the card through the payment gateway, which is not always there.

    When the gateway does not answer, the exception is all it takes: the step runs again later. The key makes
    sure that the customer pays once, even if the answer was lost and not the request.
    """
    order = await ctx.flow_input()
    gateway = Gateway(settings.database_dsn())
    charge_id = await gateway.charge(f"order-{order.order_id}", deps.validate.total, order.card)
    return ChargeOutput(charge_id=charge_id, amount=deps.validate.total)


async def confirm(deps: ConfirmDeps, ctx: Context[ProcessOrderInput]) -> ConfirmOutput:
    """Record the order, and start a job that mails the receipt."""
    order = await ctx.flow_input()
    mail_run_id = await orders.confirm(
        settings.database_dsn(), order, deps.validate.total, deps.charge.charge_id
    )
    return ConfirmOutput(order_id=order.order_id, mail_run_id=mail_run_id)
