"""The table `articles`: the one place with the application's SQL."""

from __future__ import annotations

from uuid import UUID

import psycopg

from articles._generated.load_articles import Entry

UPSERT = """
    insert into public.articles (
        slug, title, author, published, language, encoding, source, body,
        words, sentences, minutes, keywords, loaded_by
    )
    values (
        %(slug)s, %(title)s, %(author)s, %(published)s, %(language)s, %(encoding)s, %(source)s, %(body)s,
        %(words)s, %(sentences)s, %(minutes)s, %(keywords)s, %(loaded_by)s
    )
    on conflict (slug) do update set
        title = excluded.title, author = excluded.author, published = excluded.published,
        language = excluded.language, encoding = excluded.encoding,
        source = excluded.source, body = excluded.body,
        words = excluded.words, sentences = excluded.sentences, minutes = excluded.minutes,
        keywords = excluded.keywords, loaded_by = excluded.loaded_by, loaded_at = now()
    returning xmax = 0
"""


async def save(dsn: str, entry: Entry, run_id: UUID) -> bool:
    """Insert or replace the article of that slug; true if it was new. Twice is the same as once."""
    values = {
        **entry.article.model_dump(exclude={"text"}),
        **entry.stats.model_dump(exclude={"slug"}),
        "body": entry.article.text,
        "keywords": entry.keywords,
        "loaded_by": run_id,
    }
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(UPSERT, values)
        row = await cursor.fetchone()
    return row is not None and bool(row[0])
