"""Orders are checked, then charged."""

import shop._generated.order as types
from pgflowc_runtime import Context
from shop._generated.order import (
    ChargeDeps,
    ChargeOutput,
    CheckOutput,
    HoldDeps,
    HoldOutput,
)  # what handlers speak
from shop._generated.order import OrderInput


def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
    return types.CheckOutput(ok=input.id > 0)


async def charge(deps: ChargeDeps, ctx: Context[types.OrderInput]) -> ChargeOutput:
    return ChargeOutput(amount=1 if deps.check.ok else 0)


async def hold(deps: HoldDeps, ctx: Context[OrderInput]) -> HoldOutput:
    raise NotImplementedError("write step 'hold' of flow 'order'")
