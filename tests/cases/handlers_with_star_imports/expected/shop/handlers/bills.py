"""All names of the generated module, and no others: they are known."""

from pgflowc_runtime import Context
from shop._generated.bills import *


def write(input: BillsInput, ctx: Context[BillsInput]) -> str: ...


def send(deps: BillsInput, ctx: Context[BillsInput]) -> None: ...


async def file(deps: FileDeps, ctx: Context[BillsInput]) -> FileOutput:
    raise NotImplementedError("write step 'file' of flow 'bills'")
