"""The file of readings: one line for each meter and day, `meter,measured_on,kwh`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
"""The directory that relative paths start from."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one meter has measured on one day, in kilowatt-hours."""

    meter: str
    measured_on: date
    kwh: Decimal


def count(path: str) -> int:
    """The number of readings in the file."""
    with (PROJECT / path).open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def lines(path: str, first: int, rows: int) -> Iterator[tuple[int, Reading | None]]:
    """`rows` readings from number `first` on, counted from 1; None for one that cannot be read."""
    with (PROJECT / path).open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(islice(csv.DictReader(file), first - 1, first - 1 + rows), first):
            yield number, _reading(row)


def _reading(row: dict[str, str]) -> Reading | None:
    try:
        reading = Reading(row["meter"], date.fromisoformat(row["measured_on"]), Decimal(row["kwh"]))
    except (ValueError, InvalidOperation):
        return None
    return reading if reading.kwh.is_finite() and reading.kwh >= 0 else None
