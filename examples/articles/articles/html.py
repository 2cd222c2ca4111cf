"""From the bytes of an HTML page to an article's fields and text.

Pages come in every encoding and markup style, and some are broken; the parser (lxml, through BeautifulSoup)
repairs what browsers would. Metadata is looked for where publishing systems put it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

NOT_TEXT = ("script", "style", "nav", "aside", "footer", "template", "noscript")
BLOCKS = (
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "div", "section", "li", "dt", "dd"),
    *("td", "th", "caption", "figcaption", "blockquote", "pre", "address"),
)
CONTAINERS = ("article", "main", "[itemprop=articleBody]", ".post-body", "#content", "body")
AUTHOR_META = ("author", "article:author", "dc.creator")
DATE_META = ("date", "article:published_time", "dc.date")
ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})")


@dataclass(frozen=True, slots=True)
class Page:
    """What one HTML page says about itself; `text` has one paragraph, heading, item or cell per line."""

    title: str
    author: str | None
    published: date | None
    language: str
    encoding: str
    text: str


def read_page(content: bytes) -> Page:
    """Parse a page; ValueError if it has neither a heading nor a title."""
    soup = BeautifulSoup(content, "lxml")
    structured = _structured_data(soup)
    author = _meta(soup, AUTHOR_META) or _byline(soup) or structured.get("author")
    published = _meta(soup, DATE_META) or _time(soup) or structured.get("published")
    title = _title(soup)
    if title is None:
        raise ValueError("the page has no title and no heading")
    body = _body(soup)
    return Page(
        title=title,
        author=author,
        published=_first_date(published or "") or _first_date(body.get_text(" ")),
        language=_language(soup),
        encoding=(soup.original_encoding or "utf-8").lower(),
        text="\n".join(_lines(body)),
    )


def _title(soup: BeautifulSoup) -> str | None:
    for element in (soup.find("h1"), soup.find("title")):
        if isinstance(element, Tag) and (text := _squeeze(element.get_text())):
            return text
    return None


def _language(soup: BeautifulSoup) -> str:
    """The page's primary language: `en` for `en-GB`, `und` (undetermined) when the page does not say."""
    root = soup.find("html")
    declared = root.get("lang") if isinstance(root, Tag) else None
    return declared.split("-")[0].lower() if isinstance(declared, str) and declared else "und"


def _meta(soup: BeautifulSoup, names: tuple[str, ...]) -> str | None:
    """The content of the first `<meta>` whose name or property is among `names`, whatever its case."""
    found: dict[str, str] = {}
    for meta in soup.find_all("meta"):
        name = meta.get("name") or meta.get("property")
        content = meta.get("content")
        if isinstance(name, str) and isinstance(content, str):
            found.setdefault(name.lower(), _squeeze(content))
    return next((found[name] for name in names if found.get(name)), None)


def _byline(soup: BeautifulSoup) -> str | None:
    element = soup.select_one("[rel=author], .author")
    return _squeeze(element.get_text()) or None if element else None


def _time(soup: BeautifulSoup) -> str | None:
    element = soup.select_one("time[datetime]")
    value = element.get("datetime") if element else None
    return value if isinstance(value, str) else None


def _structured_data(soup: BeautifulSoup) -> dict[str, str]:
    """Author and date from schema.org JSON-LD; empty if there is none or it is broken."""
    script = soup.find("script", type="application/ld+json")
    try:
        data = json.loads(script.get_text()) if isinstance(script, Tag) else None
    except ValueError:
        return {}
    if not isinstance(data, dict):
        return {}
    author = data.get("author")
    name = author.get("name") if isinstance(author, dict) else author
    values = {"author": name, "published": data.get("datePublished")}
    return {key: value for key, value in values.items() if isinstance(value, str)}


def _first_date(text: str) -> date | None:
    for year, month, day in ISO_DATE.findall(text):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue  # 2024-13-45 is a part number, not a date
    return None


def _body(soup: BeautifulSoup) -> Tag:
    """The element that holds the article, without scripts, navigation and other furniture."""
    for element in soup.find_all(NOT_TEXT):
        element.decompose()
    return next((found for selector in CONTAINERS if (found := soup.select_one(selector))), soup)


def _lines(body: Tag) -> Iterator[str]:
    """The text of each block in the order of the page; text around a nested block makes lines of its own."""
    for line_break in body.find_all("br"):
        line_break.replace_with("\n")
    strings = (string for string in body.find_all(string=True) if type(string) is NavigableString)
    for _, inline in groupby(strings, key=lambda string: id(string.find_parent(BLOCKS))):
        if text := _squeeze("".join(inline)):
            yield text


def _squeeze(text: str) -> str:
    """Every run of white space as one blank."""
    return " ".join(text.split())
