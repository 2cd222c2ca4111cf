from functools import cache

from another import imported
from pgflowc_runtime import Context
from shop._generated.orders import CheckOutput, OrdersInput


async def check(input: OrdersInput, ctx: Context[OrdersInput]) -> CheckOutput: ...


async def takes_the_input(input: OrdersInput, ctx: Context[OrdersInput]) -> None: ...


def one_argument(order_id: int) -> None: ...


def returns_a_text(input: OrdersInput, ctx: Context[OrdersInput]) -> str:
    return "café"


@cache
def decorated() -> None: ...
