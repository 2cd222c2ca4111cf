"""HTML pages in, rows in PostgreSQL out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from articles import html
from articles._generated.load_articles import LoadArticles

PAGES = sorted((Path(__file__).parents[1] / "html").glob("*.html"))


@pytest.fixture
def articles(pgflowc_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, dict[str, Any]]]:
    """The rows of the table by slug."""
    monkeypatch.delenv("ARTICLES_DSN", raising=False)

    def ask() -> dict[str, dict[str, Any]]:
        with psycopg.connect(pgflowc_dsn, row_factory=dict_row) as connection:
            return {row["slug"]: row for row in connection.execute("select * from public.articles")}

    return ask


def test_loads_every_page_and_loads_it_again(run_flow, articles) -> None:
    first = run_flow(LoadArticles, {"directory": "html"})
    rows = articles()
    second = run_flow(LoadArticles, {"directory": "html", "pattern": "m*.html"})

    assert first.status == second.status == "completed"
    assert len(PAGES) >= 20
    assert set(rows) == {page.stem for page in PAGES}

    report = first.outputs["report"]
    assert report["articles"] == report["created"] == len(PAGES)
    assert report["words"] == sum(row["words"] for row in rows.values())
    assert Decimal(report["minutes"]) == sum(row["minutes"] for row in rows.values())
    assert rows[report["longest"]]["words"] == max(row["words"] for row in rows.values())
    assert report["languages"] == {"en": 21, "de": 2, "fr": 1, "es": 1, "und": 2}

    # The second run found the rows of the first, and replaced those that it read.
    again = articles()
    assert second.outputs["report"]["created"] == 0
    assert {slug for slug, row in again.items() if row["loaded_by"] == second.run_id} == {
        "map-projections",
        "mercado-central",
        "moss",
    }


def test_reads_metadata_and_text_of_every_kind_of_page(run_flow, articles) -> None:
    run_flow(LoadArticles, {"directory": "html"})
    rows = articles()

    encodings = {slug: row["encoding"] for slug, row in rows.items() if row["encoding"] != "utf-8"}
    assert encodings == {
        "hefeteig": "iso-8859-1",
        "systeme-metrique": "iso-8859-15",
        "mercado-central": "windows-1252",
        "sea-shanties": "utf-16le",
    }
    assert rows["hefeteig"]["author"] == "Jürgen Großmann"
    assert "l'œil des savants" in rows["systeme-metrique"]["body"]
    assert "18 €" in rows["mercado-central"]["body"]
    assert rows["map-projections"]["author"] == "Ingrid Sørensen"

    assert rows["postgres-vacuum"]["author"] == "Jonas Okafor"  # from JSON-LD
    assert rows["tcp-slow-start"]["author"] == "Aiko Tanaka"  # from a link with rel=author
    assert rows["tcp-slow-start"]["published"] == date(2023, 3, 17)  # from <time>
    assert rows["chess-clocks"]["author"] is None
    assert rows["chess-clocks"]["published"] is None

    assert rows["bicycle-gears"]["body"].endswith("while you stand at the light.")  # no tag is closed
    assert "console.log" not in rows["postgres-vacuum"]["body"]
    assert "newsletter" not in rows["public-libraries"]["body"]
    assert "<deleted>" in rows["hash-tables"]["body"]
    assert "Browns bring carbon:\ndry leaves\nstraw" in rows["compost"]["body"]

    assert rows["honey-bees-in-winter"]["keywords"][:2] == ["bees", "winter"]
    assert rows["polarstern"]["keywords"][0] == "polarstern"
    assert all(len(row["keywords"]) == 5 and row["words"] > 100 for row in rows.values())


def test_a_directory_without_pages_is_loaded_with_nothing_to_do(run_flow, articles) -> None:
    result = run_flow(LoadArticles, {"directory": "html", "pattern": "*.pdf"})
    assert result.outputs["report"]["articles"] == 0
    assert articles() == {}


def test_pages_that_say_little_about_themselves() -> None:
    bare = html.read_page(b"<p>Only a text. <title>Late title</title>")
    assert (bare.title, bare.author, bare.published, bare.language) == ("Late title", None, None, "und")

    dated = html.read_page(b"<h1>A</h1><p>Part 2024-13-45, printed on 2024-02-29")
    assert dated.published == date(2024, 2, 29)

    broken = html.read_page(b'<h1>A</h1><script type="application/ld+json">{"author": </script><p>B')
    assert (broken.author, broken.text) == (None, "A\nB")

    with pytest.raises(ValueError, match="no title and no heading"):
        html.read_page(b"<p>Nobody knows what this is")
