"""Handlers of flow `class`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.class_ import (
    ClassInput,
    ContextOutput,
    DefOutput,
    DefOutput_,
    ListDeps,
    ListOutput,
    ListOutputOutput,
    ListOutputOutput_,
    LOutput,
    MangledDeps,
    MangledOutput,
    MatchDeps,
    MatchOutput,
    PrintOutput,
    PrivateDeps,
    PrivateOutput,
)


async def def_(input: ClassInput, ctx: Context[ClassInput]) -> DefOutput_:
    raise NotImplementedError("write step 'def' of flow 'class'")


async def list_(deps: ListDeps, ctx: Context[ClassInput]) -> ListOutput:
    raise NotImplementedError("write step 'list' of flow 'class'")


async def print_(item: DefOutput, ctx: Context[ClassInput]) -> PrintOutput:
    raise NotImplementedError("write step 'print' of flow 'class'")


async def private_(deps: PrivateDeps, ctx: Context[ClassInput]) -> PrivateOutput:
    raise NotImplementedError("write step '_private' of flow 'class'")


async def mangled__(deps: MangledDeps, ctx: Context[ClassInput]) -> MangledOutput:
    raise NotImplementedError("write step '__mangled' of flow 'class'")


async def match_(deps: MatchDeps, ctx: Context[ClassInput]) -> MatchOutput:
    raise NotImplementedError("write step 'match' of flow 'class'")


async def l_(input: ClassInput, ctx: Context[ClassInput]) -> LOutput:
    raise NotImplementedError("write step 'l' of flow 'class'")


async def Context_(input: ClassInput, ctx: Context[ClassInput]) -> ContextOutput:
    raise NotImplementedError("write step 'Context' of flow 'class'")


async def listOutput(input: ClassInput, ctx: Context[ClassInput]) -> ListOutputOutput:
    raise NotImplementedError("write step 'listOutput' of flow 'class'")


async def list_output(input: ClassInput, ctx: Context[ClassInput]) -> ListOutputOutput_:
    raise NotImplementedError("write step 'list_output' of flow 'class'")
