"""Handlers of flow `refund`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.refund import (
    ByCardDeps,
    ByCardOutput,
    CardReportDeps,
    CardReportOutput,
    ChargeOutput,
    DoneDeps,
    DoneOutput,
    FreeOfChargeDeps,
    FreeOfChargeOutput,
    MandatoryDeps,
    MandatoryOutput,
    RefundInput,
)


async def charge(input: RefundInput, ctx: Context[RefundInput]) -> ChargeOutput:
    raise NotImplementedError("write step 'charge' of flow 'refund'")


async def free_of_charge(
    deps: FreeOfChargeDeps,
    ctx: Context[RefundInput],
) -> FreeOfChargeOutput:
    raise NotImplementedError("write step 'free_of_charge' of flow 'refund'")


async def by_card(deps: ByCardDeps, ctx: Context[RefundInput]) -> ByCardOutput:
    raise NotImplementedError("write step 'by_card' of flow 'refund'")


async def card_report(
    deps: CardReportDeps,
    ctx: Context[RefundInput],
) -> CardReportOutput:
    raise NotImplementedError("write step 'card_report' of flow 'refund'")


async def mandatory(deps: MandatoryDeps, ctx: Context[RefundInput]) -> MandatoryOutput:
    raise NotImplementedError("write step 'mandatory' of flow 'refund'")


async def done(deps: DoneDeps, ctx: Context[RefundInput]) -> DoneOutput:
    raise NotImplementedError("write step 'done' of flow 'refund'")
