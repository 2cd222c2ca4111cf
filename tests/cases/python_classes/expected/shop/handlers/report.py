"""Handlers of flow `report`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.report import (
    CollectOutput,
    LoadItem,
    LoadOutput,
    ReportInput,
    WriteDeps,
    WriteOutput,
)


async def collect(input: ReportInput, ctx: Context[ReportInput]) -> CollectOutput:
    raise NotImplementedError("write step 'collect' of flow 'report'")


async def load(item: LoadItem, ctx: Context[ReportInput]) -> LoadOutput:
    raise NotImplementedError("write step 'load' of flow 'report'")


async def write(deps: WriteDeps, ctx: Context[ReportInput]) -> WriteOutput:
    raise NotImplementedError("write step 'write' of flow 'report'")
