"""Handlers of flow `hello`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.hello import GreetOutput, HelloInput


async def greet(input: HelloInput, ctx: Context[HelloInput]) -> GreetOutput:
    raise NotImplementedError("write step 'greet' of flow 'hello'")
