"""Handlers of flow `registry`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.registry import RegistryInput, RunItOutput


async def run_it(input: RegistryInput, ctx: Context[RegistryInput]) -> RunItOutput:
    raise NotImplementedError("write step 'run_it' of flow 'registry'")
