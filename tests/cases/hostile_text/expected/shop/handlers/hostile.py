"""Handlers of flow `hostile`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.hostile import (
    HostileInput,
    OneOutput,
    ThreeDeps,
    ThreeOutput,
    TwoDeps,
    TwoOutput,
)


async def one(input: HostileInput, ctx: Context[HostileInput]) -> OneOutput:
    """\"quoted\" and a backslash \\"""
    raise NotImplementedError("write step 'one' of flow 'hostile'")


async def two(deps: TwoDeps, ctx: Context[HostileInput]) -> TwoOutput:
    """\\"""
    raise NotImplementedError("write step 'two' of flow 'hostile'")


async def three(deps: ThreeDeps, ctx: Context[HostileInput]) -> ThreeOutput:
    """a description that is a good deal longer than one line of Python may be, with a
    long_word_that_has_no_blank_in_it_whatsoever_and_goes_on_and_on_and_on_and_on_beyond_the_margin
    at the end\"
    """
    raise NotImplementedError("write step 'three' of flow 'hostile'")
