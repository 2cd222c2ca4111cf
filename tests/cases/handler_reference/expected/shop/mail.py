"""The user's own functions, where the user wants them."""

from pgflowc_runtime import Context, JsonValue

from shop._generated.invite import DeliverDeps, InviteInput


def deliver(deps: DeliverDeps, ctx: Context[InviteInput]) -> JsonValue:
    return deps.render.html


async def purge(input: JsonValue, ctx: Context[JsonValue]) -> None:
    return None
