"""Handlers of flow `import_people`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.import_people import (
    CountDeps,
    CountOutput,
    ImportPeopleInput,
    LoadOutput,
    StoreItem,
    StoreOutput,
)


async def load(input: ImportPeopleInput, ctx: Context[ImportPeopleInput]) -> LoadOutput:
    raise NotImplementedError("write step 'load' of flow 'import_people'")


async def store(item: StoreItem, ctx: Context[ImportPeopleInput]) -> StoreOutput:
    raise NotImplementedError("write step 'store' of flow 'import_people'")


async def count(deps: CountDeps, ctx: Context[ImportPeopleInput]) -> CountOutput:
    raise NotImplementedError("write step 'count' of flow 'import_people'")
