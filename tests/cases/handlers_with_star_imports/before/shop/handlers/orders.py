"""What comes after a star import is known; what it brings is not."""

from shop.tools import *
from pgflowc_runtime import Context
from shop._generated.orders import Address, ChargeDeps, OrdersInput, ValidateOutput


async def validate(input: str, ctx: Context[OrdersInput]) -> ValidateOutput: ...


def charge(deps: OrdersInput, ctx: Context[OrdersInput]) -> None: ...


def refund(deps: ChargeDeps, ctx: Context[OrdersInput]) -> None: ...
