from pgflowc_runtime import Context


async def confirm(input: object, ctx: Context[object]) -> object:
    return input
