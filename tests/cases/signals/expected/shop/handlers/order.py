"""Handlers of flow `order`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context, SignalContext

from shop._generated.order import (
    BoxesDeps,
    BoxesOutput,
    CheckOutput,
    ClassDeps,
    ClassOutput,
    ClassSignal,
    NotifyOutput,
    OrderInput,
    PackOutput,
    PackSignal,
    PayDeps,
    PayOutput,
    PaySignal,
)


async def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
    raise NotImplementedError("write step 'check' of flow 'order'")


async def pay(deps: PayDeps, ctx: SignalContext[OrderInput, PaySignal]) -> PayOutput:
    raise NotImplementedError("write step 'pay' of flow 'order'")


async def boxes(deps: BoxesDeps, ctx: Context[OrderInput]) -> BoxesOutput:
    raise NotImplementedError("write step 'boxes' of flow 'order'")


async def pack(item: int, ctx: SignalContext[OrderInput, PackSignal]) -> PackOutput:
    raise NotImplementedError("write step 'pack' of flow 'order'")


async def class_(
    deps: ClassDeps,
    ctx: SignalContext[OrderInput, ClassSignal],
) -> ClassOutput:
    raise NotImplementedError("write step 'class' of flow 'order'")


async def notify(item: str, ctx: Context[OrderInput]) -> NotifyOutput:
    raise NotImplementedError("write step 'notify' of flow 'order'")
