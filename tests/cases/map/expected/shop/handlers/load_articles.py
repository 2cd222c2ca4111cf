"""Handlers of flow `load_articles`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.load_articles import (
    ListArticlesOutput,
    LoadArticlesInput,
    LoadOutput,
    ParseOutput,
    ReportDeps,
    ReportOutput,
)


async def list_articles(
    input: LoadArticlesInput,
    ctx: Context[LoadArticlesInput],
) -> ListArticlesOutput:
    raise NotImplementedError("write step 'list_articles' of flow 'load_articles'")


async def parse(item: str, ctx: Context[LoadArticlesInput]) -> ParseOutput:
    """Read one HTML file."""
    raise NotImplementedError("write step 'parse' of flow 'load_articles'")


async def load(item: ParseOutput, ctx: Context[LoadArticlesInput]) -> LoadOutput:
    raise NotImplementedError("write step 'load' of flow 'load_articles'")


async def report(deps: ReportDeps, ctx: Context[LoadArticlesInput]) -> ReportOutput:
    raise NotImplementedError("write step 'report' of flow 'load_articles'")
