"""5,000 lines in, rows in PostgreSQL out."""

from __future__ import annotations

import importlib.util
from decimal import Decimal
from pathlib import Path

import psycopg

from meters._generated.load_readings import LoadReadings

DATA = Path(__file__).parents[1] / "data"
PATH = {"path": "data/readings.csv"}


def test_loads_the_file_and_loads_it_again(run_flow, pgflowc_dsn: str) -> None:
    first = run_flow(LoadReadings, PATH)
    assert first.status == "completed"
    assert first.outputs["report"] == {"loaded": 4991, "rejected": 9, "first_bad_line": 17}
    assert len(first.outputs["load"]) == 50

    second = run_flow(LoadReadings, PATH)
    assert second.outputs["report"] == first.outputs["report"]
    with psycopg.connect(pgflowc_dsn) as connection:
        found = connection.execute(
            "select count(*), sum(kwh), count(distinct loaded_by), count(distinct meter) from public.readings"
        ).fetchone()
    assert found is not None
    count, total, runs, meters = found
    assert (count, runs, meters) == (4991, 1, 100)
    assert Decimal(40_000) < total < Decimal(60_000)


def test_the_file_is_the_one_that_its_program_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_readings", DATA / "make_readings.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    assert (DATA / "readings.csv").read_text(encoding="utf-8") == program.text()
