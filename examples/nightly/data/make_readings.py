"""Writes readings.csv beside this file: the same 5,000 lines each time, nine of them broken.

python data/make_readings.py
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

METERS, DAYS = 100, 50
BROKEN = {
    17: "",
    503: "n/a",
    1204: "-1",
    1999: "12;5",
    2750: "",
    3333: "NaN",
    4001: "?",
    4444: "",
    4998: "1e",
}


def text() -> str:
    """The whole file."""
    chance = random.Random(20260101)  # noqa: S311 - made-up readings
    rows = ["meter,measured_on,kwh"]
    for day in range(DAYS):
        for meter in range(METERS):
            usage = 3 + (meter % 7) * 1.4 + chance.uniform(0, 4)
            kwh = BROKEN.get(len(rows), f"{usage:.3f}")
            measured_on = date(2026, 1, 1) + timedelta(days=day)
            rows.append(f"m{meter:03},{measured_on},{kwh}")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("readings.csv").write_text(text(), encoding="utf-8")
