"""Handlers of flow `load_readings`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from meters import readings
from meters._generated.load_readings import (
    Batch,
    LoadOutput,
    LoadReadingsInput,
    ReportDeps,
    ReportOutput,
    SplitOutput,
)

ROWS = 100
UPSERT = """
    insert into public.readings (meter, measured_on, kwh, loaded_by)
    select u.meter, u.measured_on, u.kwh, %s
    from unnest(%s::text[], %s::date[], %s::numeric[]) u (meter, measured_on, kwh)
    on conflict (meter, measured_on) do update set kwh = excluded.kwh, loaded_by = excluded.loaded_by
"""


def split(
    input: LoadReadingsInput,
    ctx: Context[LoadReadingsInput],
) -> SplitOutput:
    """Cut the file into batches of lines."""
    total = readings.count(input.path)
    return [
        Batch(path=input.path, first=first, rows=min(ROWS, total - first + 1))
        for first in range(1, total + 1, ROWS)
    ]


async def load(item: Batch, ctx: Context[LoadReadingsInput]) -> LoadOutput:
    """Write the readings of one batch to the table, exactly once."""
    numbered = list(readings.lines(item.path, item.first, item.rows))
    good = [reading for _, reading in numbered if reading is not None]
    # Committed with the completion of this task, or not at all.
    async with ctx.transaction() as connection:
        await connection.execute(
            UPSERT,
            (
                ctx.run_id,
                [reading.meter for reading in good],
                [reading.measured_on for reading in good],
                [reading.kwh for reading in good],
            ),
        )
    return LoadOutput(loaded=len(good), rejected=[line for line, reading in numbered if reading is None])


async def report(deps: ReportDeps, ctx: Context[LoadReadingsInput]) -> ReportOutput:
    """Sum up what this night has brought."""
    rejected = sorted(line for batch in deps.load for line in batch.rejected)
    return ReportOutput(
        loaded=sum(batch.loaded for batch in deps.load),
        rejected=len(rejected),
        first_bad_line=rejected[0] if rejected else None,
    )
