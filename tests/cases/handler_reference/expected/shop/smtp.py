from pgflowc_runtime import Context, JsonValue


async def deliver(input: JsonValue, ctx: Context[JsonValue]) -> JsonValue:
    return {"sent": True}
