"""Handlers of flow `process_order`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.process_order import (
    ChargeDeps,
    ChargeOutput,
    ConfirmDeps,
    ConfirmOutput,
    ProcessOrderInput,
    ReserveDeps,
    ReserveOutput,
    ValidateOutput,
)


async def validate(
    input: ProcessOrderInput,
    ctx: Context[ProcessOrderInput],
) -> ValidateOutput:
    """Refuse orders without items."""
    raise NotImplementedError("write step 'validate' of flow 'process_order'")


async def reserve(deps: ReserveDeps, ctx: Context[ProcessOrderInput]) -> ReserveOutput:
    raise NotImplementedError("write step 'reserve' of flow 'process_order'")


async def charge(deps: ChargeDeps, ctx: Context[ProcessOrderInput]) -> ChargeOutput:
    raise NotImplementedError("write step 'charge' of flow 'process_order'")


async def confirm(deps: ConfirmDeps, ctx: Context[ProcessOrderInput]) -> ConfirmOutput:
    raise NotImplementedError("write step 'confirm' of flow 'process_order'")
