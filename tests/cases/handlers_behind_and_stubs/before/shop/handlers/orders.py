"""Handlers of flow `orders`, written before it had more steps."""
from pgflowc_runtime import Context
from shop._generated.orders import Address, BillDeps, OrdersInput, ValidateOutput
def archive(input: OrdersInput, ctx: Context[OrdersInput]) -> None: ...


async def validate(input: int, ctx: Context[OrdersInput]) -> ValidateOutput: ...


async def bill(deps: BillDeps, ctx: Context[OrdersInput]) -> None:
    print(deps.validate)


async def fax(input: OrdersInput, ctx: Context[OrdersInput]) -> None: ...  # pgflowc: ignore[PGF816] for now


async def post(input: OrdersInput, ctx: Context[OrdersInput]) -> None: ...
