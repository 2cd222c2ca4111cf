"""Orders are checked, then charged."""

import shop._generated.order_v1 as types
from pgflowc_runtime import Context
from shop._generated.order_v1 import ChargeDeps, ChargeOutput, CheckOutput  # what handlers speak
from shop._generated.order_v1 import OrderInput


def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
    return types.CheckOutput(ok=input.id > 0)


async def charge(deps: ChargeDeps, ctx: Context[types.OrderInput]) -> ChargeOutput:
    return ChargeOutput(amount=1 if deps.check.ok else 0)
