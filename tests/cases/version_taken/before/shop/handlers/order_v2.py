"""Handler of job `Order_V2`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.order_v2 import OrderV2Input, OrderV2Output


async def perform(input: OrderV2Input, ctx: Context[OrderV2Input]) -> OrderV2Output:
    raise NotImplementedError("write job 'Order_V2'")
