"""`pgflowc cron` as a user types it, and the client's methods behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build
from pgflowc_runtime import Client, FlowNotFound, ScheduleNotFound

Cron = Callable[..., Result]


@pytest.fixture
def cron(bench, step, monkeypatch: pytest.MonkeyPatch) -> Cron:
    """Runs `pgflowc cron ...` against a database with a scheduled flow `report`, and one without, `plain`."""
    for slug in ("report", "plain"):
        bench.flow(slug, step("only"))
    bench.rows(
        "select pgflowc.set_schedule('report', '0 9 * * mon-fri', 'Europe/Berlin', %s, 'last', 'skip')",
        '{"days": 1}',
    )
    monkeypatch.setenv("PGFLOWC_DSN", bench.dsn)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        words = ["cron", *arguments]
        return CliRunner().invoke(build(words), words)

    return run


async def test_list_pause_resume_and_trigger(bench, cron: Cron) -> None:
    listed = cron("list").output
    assert "report  0 9 * * mon-fri  Europe/Berlin  catch_up last  overlap skip" in listed
    assert re.search(r"At 09:00, Monday through Friday; next \w{3} .* 09:00; no run yet", listed)

    assert cron("pause", "report").output == "report paused\n"
    again = cron("pause", "report")
    assert (again.exit_code, again.output) == (1, "report was paused already\n")
    assert "paused since" in cron("list").output

    run_id = cron("trigger", "report").output.strip()
    assert bench.rows("select run_id, input from pgflow.runs") == [(UUID(run_id), {"days": 1})]
    [row] = json.loads(cron("list", "--json").output)
    assert (row["flow_slug"], row["last_run_id"], row["last_status"]) == ("report", run_id, "started")
    assert (row["description"], row["next"]) == ("At 09:00, Monday through Friday", None)  # it is paused

    assert json.loads(cron("resume", "report", "--json").output) == {"report": True}
    [row] = json.loads(cron("list", "--json").output)
    assert datetime.fromisoformat(row["next"]) > datetime.now(UTC)
    again = cron("resume", "report")
    assert (again.exit_code, again.output) == (1, "report was not paused\n")

    bench.rows("update pgflowc.schedules set schedule = 'whenever'")
    assert "starts nothing: 'whenever' is no schedule" in cron("list").output
    preview = cron("preview", "report")
    assert (preview.exit_code, "'whenever' is no schedule" in preview.output) == (2, True)
    bench.rows("select pgflow.delete_flow_and_data('report')")
    assert "its flow is gone" in cron("list").output


def test_preview(cron: Cron) -> None:
    shown = cron("preview", "report", "--from", "2026-03-27T00:00+01:00", "--count", "2")
    assert shown.output.splitlines() == [
        "0 9 * * mon-fri  Europe/Berlin  At 09:00, Monday through Friday",
        "Fri 2026-03-27 09:00 +01:00  2026-03-27 08:00 UTC",
        "Mon 2026-03-30 09:00 +02:00  2026-03-30 07:00 UTC",
    ]
    found = json.loads(
        cron(
            "preview", "30 2 * * *", "--timezone", "Europe/Berlin", "--from", "2026-10-24T23:00Z", "--json"
        ).output
    )
    assert found["times"][0] == {
        "local": "2026-10-25T02:30:00+02:00",
        "utc": "2026-10-25T00:30:00+00:00",
        "clock_change": -3600,
    }
    assert len(found["times"]) == 10
    assert "No time comes any more" not in cron("preview", "@yearly").output
    assert cron("preview", " 0  3-03 * *   mon ").output.startswith("0 3 * * mon  UTC  At 03:00")
    either = "At 09:00, on day 1 and 15 of the month, or Monday through Friday, in July"
    assert either in cron("preview", "0 9 1,15 jul mon-fri").output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("preview", "repor"), "did you mean"),
        (("preview", "plain"), "flow 'plain' has no schedule\n help: write 'cron' in its spec"),
        (("pause", "nowhere"), "'nowhere'"),
        (("resume", "plain"), "flows with a schedule: report"),
        (("trigger", "plain"), "has no schedule"),
        (("preview", "61 * * * *"), "its minute is '61'"),
        (("preview", "@dayly"), "'@dayly' is not known"),
        (("preview", "0 0 30 2 *"), "that day never comes"),
        (("preview", "0 0 * * *", "--timezone", "Europe/Berln"), "did you mean 'Europe/Berlin'?"),
        (("preview", "report", "--from", "soon"), "--from: 'soon' is no time"),
        (("preview", "report", "--from", "9999-12-31T23:59Z"), "--from: '9999-12-31T23:59Z' is too near"),
        (("preview", "report", "--timezone", "Asia/Tokyo"), "'report' has a time zone of its own"),
    ],
)
def test_mistakes(cron: Cron, arguments: tuple[str, ...], error: str) -> None:
    done = cron(*arguments)
    assert done.exit_code == 2
    assert error in done.output
    assert "Traceback" not in done.output


async def test_clients_of_both_kinds(client, bench, cron: Cron) -> None:
    [found] = await client.list_schedules()
    assert (found.flow_slug, found.catch_up, found.overlap) == ("report", "last", "skip")
    assert await client.pause_schedule("report")
    assert not await client.pause_schedule("report")
    assert await client.resume_schedule("report")
    run_id = await client.trigger_schedule("report")
    assert (await client.get_run(run_id)).input == {"days": 1}
    with pytest.raises(ScheduleNotFound):
        await client.trigger_schedule("plain")
    with pytest.raises(FlowNotFound):
        await client.pause_schedule("nowhere")


def test_no_schedules(core_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGFLOWC_DSN", core_dsn)
    done = CliRunner().invoke(build(["cron", "list"]), ["cron", "list"])
    assert (done.exit_code, "No schedules." in done.output) == (0, True)


def test_a_role_that_may_not_look_into_schema_cron_sees_the_schedules_of_workers(
    core_dsn: str, new_role: Callable[[], str]
) -> None:
    role = new_role()
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        connection.execute("create schema cron")
        connection.execute("create table cron.job ()")
        connection.execute("select pgflow.create_flow('f')")
        connection.execute("select pgflowc.set_schedule('f', '@daily')")
        for schema in ("pgflow", "pgflowc", "pgmq"):
            connection.execute(f"grant usage on schema {schema} to {role}".encode())
            connection.execute(f"grant all on all tables in schema {schema} to {role}".encode())
    with Client(make_conninfo(core_dsn, user=role)) as client:
        assert [one.flow_slug for one in client.list_schedules()] == ["f"]
        with pytest.raises(FlowNotFound):
            client.pause_schedule("g")


def test_each_trigger_starts_a_run(core_dsn: str) -> None:
    """Whatever goes on; and they count as runs of the schedule."""
    with Client(core_dsn) as client, psycopg.connect(core_dsn, autocommit=True) as connection:
        connection.execute("select pgflow.create_flow('f')")
        connection.execute("select pgflow.add_step('f', 'a')")
        connection.execute("select pgflowc.set_schedule('f', '@daily')")
        ids = {client.trigger_schedule("f") for _ in range(3)}
        rows = connection.execute("select run_id from pgflowc.schedule_slots").fetchall()
    assert {row[0] for row in rows} == ids
