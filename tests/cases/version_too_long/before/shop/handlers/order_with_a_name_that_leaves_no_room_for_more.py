"""Handlers of flow `order_with_a_name_that_leaves_no_room_for_more`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.order_with_a_name_that_leaves_no_room_for_more import (
    ChargeDeps,
    ChargeOutput,
    CheckOutput,
    OrderWithANameThatLeavesNoRoomForMoreInput,
)


async def check(
    input: OrderWithANameThatLeavesNoRoomForMoreInput,
    ctx: Context[OrderWithANameThatLeavesNoRoomForMoreInput],
) -> CheckOutput:
    raise NotImplementedError(
        "write step 'check' of flow 'order_with_a_name_that_leaves_no_room_for_more'",
    )


async def charge(
    deps: ChargeDeps,
    ctx: Context[OrderWithANameThatLeavesNoRoomForMoreInput],
) -> ChargeOutput:
    raise NotImplementedError(
        "write step 'charge' of flow 'order_with_a_name_that_leaves_no_room_for_more'",
    )
