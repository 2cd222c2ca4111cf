"""Handlers of flow `invite`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.invite import InviteInput, RenderOutput


async def render(input: InviteInput, ctx: Context[InviteInput]) -> RenderOutput:
    raise NotImplementedError("write step 'render' of flow 'invite'")
