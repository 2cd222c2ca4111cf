"""Handlers of flow `load_articles`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from collections import Counter
from decimal import Decimal

from pgflowc_runtime import Context

from articles import html, settings, table, words
from articles._generated.load_articles import (
    Article,
    AssembleDeps,
    Entry,
    Keywords,
    KeywordsDeps,
    LoadArticlesInput,
    LoadOutput,
    ReportDeps,
    ReportOutput,
    Source,
    Stats,
)


async def list_articles(input: LoadArticlesInput, ctx: Context[LoadArticlesInput]) -> list[Source]:
    """List the HTML files of the directory."""
    directory = settings.PROJECT / input.directory
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory")
    files = sorted(directory.glob(input.pattern or "*.html"))
    return [Source(path=str(file), size=file.stat().st_size) for file in files]


def parse(item: Source, ctx: Context[LoadArticlesInput]) -> Article:
    """Take title, author, date and text out of one HTML file.

    Parsing is work for the processor, so this is a plain function: the worker runs it in a thread.
    """
    path = settings.PROJECT / item.path
    page = html.read_page(path.read_bytes())
    return Article(
        slug=path.stem,
        title=page.title,
        author=page.author,
        published=page.published,
        language=page.language,
        encoding=page.encoding,
        source=path.name,
        text=page.text,
    )


def keywords(deps: KeywordsDeps, ctx: Context[LoadArticlesInput]) -> list[Keywords]:
    """Find the words that set each article apart from all the others."""
    found = words.keywords({article.slug: article.text for article in deps.parse})
    return [Keywords(slug=slug, keywords=chosen) for slug, chosen in found.items()]


async def reading_stats(item: Article, ctx: Context[LoadArticlesInput]) -> Stats:
    """Count words and sentences of one article and estimate its reading time."""
    counted = words.reading_stats(item.text)
    return Stats(slug=item.slug, words=counted.words, sentences=counted.sentences, minutes=counted.minutes)


async def assemble(deps: AssembleDeps, ctx: Context[LoadArticlesInput]) -> list[Entry]:
    """Put the three results of each article together."""
    chosen = {found.slug: found.keywords for found in deps.keywords}
    stats = {counted.slug: counted for counted in deps.reading_stats}
    return [
        Entry(article=article, stats=stats[article.slug], keywords=chosen[article.slug])
        for article in deps.parse
    ]


async def load(item: Entry, ctx: Context[LoadArticlesInput]) -> LoadOutput:
    """Write one article to the table, replacing an earlier version."""
    created = await table.save(settings.database_dsn(), item, ctx.run_id)
    return LoadOutput(slug=item.article.slug, language=item.article.language, created=created)


async def report(deps: ReportDeps, ctx: Context[LoadArticlesInput]) -> ReportOutput:
    """Sum up what this run has loaded."""
    longest = max(deps.reading_stats, key=lambda stats: stats.words, default=None)
    return ReportOutput(
        articles=len(deps.load),
        created=sum(loaded.created for loaded in deps.load),
        words=sum(stats.words for stats in deps.reading_stats),
        minutes=sum((stats.minutes for stats in deps.reading_stats), Decimal(0)),
        longest=longest.slug if longest else None,
        languages=Counter(loaded.language for loaded in deps.load),
    )
