"""Handlers of flow `every_type`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.every_type import (
    DayItem,
    DayOutput,
    DaysOutput,
    EveryTypeInput,
    ForestItem,
    ForestOutput,
    KeyItem,
    KeyOutput,
    KeysOutput,
    LastDeps,
    LastOutput,
    RowOutput,
    RowsOutput,
    RowsOutputItem,
    TreesOutput,
    WordsOutput,
)


async def days(input: EveryTypeInput, ctx: Context[EveryTypeInput]) -> DaysOutput:
    raise NotImplementedError("write step 'days' of flow 'every_type'")


async def day(item: DayItem, ctx: Context[EveryTypeInput]) -> DayOutput:
    raise NotImplementedError("write step 'day' of flow 'every_type'")


async def trees(input: EveryTypeInput, ctx: Context[EveryTypeInput]) -> TreesOutput:
    raise NotImplementedError("write step 'trees' of flow 'every_type'")


async def forest(item: ForestItem, ctx: Context[EveryTypeInput]) -> ForestOutput:
    raise NotImplementedError("write step 'forest' of flow 'every_type'")


async def rows(input: EveryTypeInput, ctx: Context[EveryTypeInput]) -> RowsOutput:
    raise NotImplementedError("write step 'rows' of flow 'every_type'")


async def row(item: RowsOutputItem, ctx: Context[EveryTypeInput]) -> RowOutput:
    raise NotImplementedError("write step 'row' of flow 'every_type'")


async def words(input: EveryTypeInput, ctx: Context[EveryTypeInput]) -> WordsOutput:
    raise NotImplementedError("write step 'words' of flow 'every_type'")


async def keys(input: EveryTypeInput, ctx: Context[EveryTypeInput]) -> KeysOutput:
    raise NotImplementedError("write step 'keys' of flow 'every_type'")


async def key(item: KeyItem, ctx: Context[EveryTypeInput]) -> KeyOutput:
    raise NotImplementedError("write step 'key' of flow 'every_type'")


async def last(deps: LastDeps, ctx: Context[EveryTypeInput]) -> LastOutput:
    raise NotImplementedError("write step 'last' of flow 'every_type'")
