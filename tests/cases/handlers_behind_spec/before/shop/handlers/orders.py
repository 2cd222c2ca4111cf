"""Handlers of flow `orders`, written for an earlier spec."""

from pgflowc_runtime import Context

from shop._generated.orders import Address, BillDeps, OrdersInput, ShipDeps, ValidateOutput


async def validate(input: OrdersInput, ctx: Context[OrdersInput], mail: str) -> ValidateOutput:
    return ValidateOutput(total=len(mail))


def items(ünused: OrdersInput, ctx: Context[OrdersInput]): return [Address()]


async def bill(deps: BillDeps, ctx: Context[OrdersInput]) -> None:
    print(deps.validate)


async def pick(item: "str", ctx: Context[OrdersInput]) -> int:
    return len(item)


# The step was removed.
async def refund(deps: ShipDeps, ctx: Context[OrdersInput]) -> None:
    """Give it back."""


async def count(input: OrdersInput, ctx: Context[OrdersInput]) -> float:
    return len(helper(input, ctx))


async def ship(deps: ShipDeps, ctx: Context[OrdersInput]) -> None: ...


def helper(input: OrdersInput, ctx: Context[OrdersInput]) -> list[int]:
    return []


def elsewhere(input: OrdersInput, ctx: Context[OrdersInput]) -> None: ...
