"""Handlers of flow `resize_images`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.resize_images import (
    ResizeImagesInput,
    ResizeImagesInputItem,
    ResizeOutput,
    SummaryDeps,
    SummaryOutput,
)


async def resize(
    item: ResizeImagesInputItem,
    ctx: Context[ResizeImagesInput],
) -> ResizeOutput:
    raise NotImplementedError("write step 'resize' of flow 'resize_images'")


async def summary(deps: SummaryDeps, ctx: Context[ResizeImagesInput]) -> SummaryOutput:
    raise NotImplementedError("write step 'summary' of flow 'resize_images'")
