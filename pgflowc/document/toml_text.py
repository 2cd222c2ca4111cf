"""TOML text to a document: `tomllib` judges and reads, `toml_index` says where everything stands."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from math import isfinite
from typing import Any

from pgflowc.diagnostics import Diagnostic, Report, Span
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.characters import EMPTY_HELP, name_of, unstorable
from pgflowc.document.model import Document, Entry, Mapping, Node, Path, Place, Refused, Scalar, Sequence
from pgflowc.document.source import Source
from pgflowc.document.toml_fault import diagnose, duplicate_key
from pgflowc.document.toml_index import MAX_DEPTH, Index, TooDeepError, index_of
from pgflowc.document.toml_recovery import (
    LONGEST,
    Cuts,
    without_broken_statements,
    without_statement,
    without_value,
)

_MAX_DIGITS = 400
_MOST_REPEATED = 20
_MOST_ROUNDS = 20
_LONG_NUMBER = re.compile(rf"(?<![\w.+-])[+-]?[0-9][0-9_]{{{_MAX_DIGITS},}}")


def parse_toml(source: Source, report: Report) -> tuple[Document, ...]:
    """The one document of a TOML text, without what could not be read in it, which is reported."""
    text, cuts = source.text, Cuts()
    for _ in range(_MOST_ROUNDS):
        try:
            return _parse(source, text, cuts, report)
        except tomllib.TOMLDecodeError as error:
            if cuts.is_checked:
                return ()
            own = Report()
            text = without_broken_statements(source, text, cuts, own)
            if not own.has_errors:
                # Each statement is right, but they do not go together.
                own.add(diagnose(source, str(error)))
            report.extend(own.sorted())
            continue
        except TooDeepError as error:
            offset = error.offset
            report.add(_too_deep(source, offset))
        except RecursionError:  # nested inside something that the index does not know
            report.add(_too_deep(source, 0))
            return ()
        except ValueError:  # `int()` refuses thousands of digits
            found = _LONG_NUMBER.search(text)
            offset = found.start() if found else 0
            report.add(_not_json(source.span(*found.span()) if found else source.span(0, 0)))
        if len(text) > LONGEST:
            return ()
        text = without_value(text, offset, cuts)
    return ()


def _parse(source: Source, text: str, cuts: Cuts, report: Report) -> tuple[Document, ...]:
    """The document of a text that is the source's but for the cuts. Raises what `tomllib` raises for a text
    that is not valid, and TooDeepError; then nothing is reported.
    """
    index = index_of(Source(source.path, text))
    repeated: list[Diagnostic] = []
    while index.repeated and len(repeated) < _MOST_REPEATED and len(text) <= LONGEST:
        key, first, second = index.repeated[0]
        repeated.append(duplicate_key(key, _of(source, first), _of(source, second)))
        text = without_statement(text, second.start, index, cuts)
        index = index_of(Source(source.path, text))
    if index.repeated:
        report.extend(repeated)
        report.extend(duplicate_key(key, first, second) for key, first, second in index.repeated)
        return ()
    data = tomllib.loads(text)
    report.extend(repeated)
    if not data:
        if text == source.text:  # nothing was cut
            empty = "there is no flow in this file"
            report.add(Diagnostic(syntax.EMPTY, empty, source.span(0, 0), help=(EMPTY_HELP,)))
        return ()
    headers = (statement for statement in index.statements if statement.is_header)
    cuts.anywhere |= any(source.is_odd(header.start, header.end) for header in headers if source.odd)
    root = _Builder(source, index, cuts, report).node(data, ())
    return (Document(source, root, frozenset(cuts.words)),)


def _of(source: Source, place: Place) -> Place:
    return Place(source, place.start, place.end)


class _Builder:
    """Joins what `tomllib` read with where it stands."""

    def __init__(self, source: Source, index: Index, cuts: Cuts, report: Report) -> None:
        self._source = source
        self._index = index
        self._cuts = cuts
        self._incomplete = cuts.incomplete(index)
        self._report = report

    def node(self, value: Any, path: Path) -> Node:
        """The node of the value at `path`."""
        place = self._index.values.get(path) or Place(self._source, 0, 0)
        if path and self._is_odd(place):
            return Refused(self._source, place.start, place.end)
        if place.start in self._cuts.values:
            return Refused(self._source, *self._cuts.values[place.start])
        if isinstance(value, dict):
            entries = {
                key: Entry(key, self._index.keys.get((*path, key)) or place, self.node(inner, (*path, key)))
                for key, inner in value.items()
            }
            sure = {key: entry for key, entry in entries.items() if not self._is_odd(entry.key_place)}
            is_incomplete = len(sure) < len(entries) or path in self._incomplete
            return Mapping(self._source, place.start, place.end, sure, is_incomplete)
        if isinstance(value, list):
            items = tuple(self.node(inner, (*path, number)) for number, inner in enumerate(value))
            return Sequence(self._source, place.start, place.end, items)
        if isinstance(value, datetime | date | time) or (isinstance(value, float) and not isfinite(value)):
            self._report.add(_not_json(place.span))
            return Refused(self._source, place.start, place.end)
        if isinstance(value, int) and abs(value) >= 10**_MAX_DIGITS:
            self._report.add(_not_json(place.span))
            return Refused(self._source, place.start, place.end)
        bad = unstorable(value) if isinstance(value, str) else None
        if bad:
            self._report.add(
                Diagnostic(
                    syntax.CHARACTER,
                    f"the character {name_of(bad)} cannot be part of a spec",
                    place.span,
                    label="an escape in this text makes it",
                )
            )
            return Refused(self._source, place.start, place.end)
        return Scalar(self._source, place.start, place.end, value, plain=not isinstance(value, str))

    def _is_odd(self, place: Place) -> bool:
        return bool(self._source.odd) and self._source.is_odd(place.start, place.end)


def _not_json(span: Span) -> Diagnostic:
    return Diagnostic(
        syntax.NOT_JSON,
        "this value has no place in JSON",
        span,
        help=("put it in quotes to make it a text",),
    )


def _too_deep(source: Source, offset: int) -> Diagnostic:
    return Diagnostic(
        syntax.TOO_DEEP,
        f"arrays and tables are nested more than {MAX_DEPTH} levels deep",
        source.span(offset, offset + 1),
        label=f"level {MAX_DEPTH + 1}" if offset else "",
        help=("give the inner parts names under [types] and use the names",),
    )
