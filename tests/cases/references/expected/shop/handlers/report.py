"""Handlers of flow `report`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.report import (
    CheckDeps,
    CheckOutput,
    CollectOutput,
    Item2,
    LoadOutput,
    ReportInput,
    WriteDeps,
    WriteOutput,
)


async def collect(input: ReportInput, ctx: Context[ReportInput]) -> CollectOutput:
    raise NotImplementedError("write step 'collect' of flow 'report'")


async def load(item: Item2, ctx: Context[ReportInput]) -> LoadOutput:
    raise NotImplementedError("write step 'load' of flow 'report'")


async def check(deps: CheckDeps, ctx: Context[ReportInput]) -> CheckOutput:
    raise NotImplementedError("write step 'check' of flow 'report'")


async def write(deps: WriteDeps, ctx: Context[ReportInput]) -> WriteOutput:
    raise NotImplementedError("write step 'write' of flow 'report'")
