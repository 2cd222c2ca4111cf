"""Handlers of flow `order`, from before its signals were declared."""

from pgflowc_runtime import Context, SignalContext

from shop._generated.order import (
    ApproveDeps,
    ApproveOutput,
    BookDeps,
    BookOutput,
    BookSignal,
    CheckOutput,
    OrderInput,
)


async def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
    return CheckOutput(ok=await ctx.await_signal(wait_for="1h"))


async def approve(deps: ApproveDeps, ctx: Context[OrderInput]) -> ApproveOutput:
    return ApproveOutput(ok=deps.check.ok)


async def book(
    deps: BookDeps,
    ctx: SignalContext[OrderInput, BookSignal],
) -> BookOutput:
    raise NotImplementedError("write step 'book' of flow 'order'")
