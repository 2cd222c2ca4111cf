"""A handler that knows the type of its signal."""

from typing import assert_type

from pgflowc_runtime import SignalContext

from shop._generated.refund import RefundInput, RefundOutput, RefundSignal


async def perform(
    input: RefundInput, ctx: SignalContext[RefundInput, RefundSignal]
) -> RefundOutput:
    signal = assert_type(await ctx.await_signal(wait_timeout=1), RefundSignal)
    return RefundOutput(done=signal.done)
