"""pgflowc.set_schedule, pgflowc.remove_schedule: when a flow starts by itself."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb

_HERE = "select set_config('cron.database_name', current_database(), false)"


def schedule(fast) -> dict | None:
    rows = fast.rows("select * from pgflowc.schedules where flow_slug = 'f'")
    return rows[0] if rows else None


def test_a_schedule_is_set_changed_and_removed(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@hourly')")
    row = schedule(fast)
    assert row["created_at"] == row["updated_at"]
    assert (row["schedule"], row["timezone"], row["input"], row["paused_at"]) == ("@hourly", "UTC", {}, None)

    fast.do("update pgflowc.schedules set paused_at = now()")
    fast.do("select pgflowc.set_schedule('f', '0 9 * * *', 'Europe/Berlin', %s)", Jsonb({"kind": "daily"}))
    changed = schedule(fast)
    assert (changed["schedule"], changed["timezone"], changed["input"]) == (
        "0 9 * * *",
        "Europe/Berlin",
        {"kind": "daily"},
    )
    assert changed["paused_at"] is not None
    assert changed["created_at"] == row["created_at"] < changed["updated_at"]

    assert fast.value("select pgflowc.remove_schedule('f')") is True
    assert fast.value("select pgflowc.remove_schedule('f')") is False
    assert schedule(fast) is None


def test_arguments_go_by_name(fast) -> None:
    fast.flow("f", "a")
    fast.do(
        "select pgflowc.set_schedule(p_flow_slug => 'f', p_schedule => '@daily',"
        " p_timezone => 'UTC', p_input => '[]')"
    )
    assert schedule(fast)["input"] == []


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ("'nowhere', '@daily'", psycopg.errors.ForeignKeyViolation, 'flow "nowhere" is not defined'),
        ("'F', '@daily'", psycopg.errors.ForeignKeyViolation, 'flow "F" is not defined'),
        ("'f', '@daily', 'Berlin'", psycopg.errors.InvalidParameterValue, 'time zone "Berlin" is not known'),
        ("'f', '@daily', 'utc'", psycopg.errors.InvalidParameterValue, 'time zone "utc" is not known'),
        ("'f', '@daily', null", psycopg.errors.InvalidParameterValue, 'time zone "<NULL>" is not known'),
        ("'f', ' '", psycopg.errors.CheckViolation, "schedule_is_not_empty"),
        ("'f', null", psycopg.errors.NotNullViolation, "schedule"),
        ("'f', '@daily', 'UTC', null", psycopg.errors.NotNullViolation, "input"),
    ],
)
def test_what_is_refused(fast, arguments, error, text) -> None:
    fast.flow("f", "a")
    with pytest.raises(error, match=text):
        fast.do(f"select pgflowc.set_schedule({arguments})")
    assert schedule(fast) is None


def test_a_flow_that_is_defined_anew_keeps_its_schedule(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@daily')")
    fast.do("select pgflow.delete_flow_and_data('f')")
    fast.flow("f", "b")
    assert schedule(fast)["schedule"] == "@daily"


# What fires, and what is done by hand

AT = "timestamptz '2030-01-01 09:00Z'"


def start_slots(driver, slots: str, until: str = AT) -> list[bool]:
    """Whether each slot that this call settled started a run."""
    return driver.column(
        "select run_id is not null from pgflowc.start_slots('f', '@daily', 'UTC',"
        f" array[{slots}]::timestamptz[], {until})"
    )


def test_a_slot_starts_one_run_whoever_asks_and_however_often(fast, at_once) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@daily', p_input => '{\"n\": 1}')")
    results: list[list[bool]] = []
    at_once(8, lambda driver, number: results.append(start_slots(driver, AT)))
    assert sorted(results) == [[]] * 7 + [[True]]
    assert start_slots(fast, AT) == []
    assert fast.rows("select input from pgflow.runs") == [{"input": {"n": 1}}]
    # Not even when it is no longer known that it was settled.
    fast.do("update pgflowc.schedules set settled_until = '2029-01-01'")
    assert start_slots(fast, AT) == []
    assert fast.value("select count(*) from pgflow.runs") == 1


def test_a_start_that_fails_settles_nothing(fast) -> None:
    fast.flow("f", "m[]")
    fast.do("select pgflowc.set_schedule('f', '@daily')")
    with pytest.raises(psycopg.errors.RaiseException, match="input is not an array"):
        start_slots(fast, AT)
    fast.do("update pgflowc.schedules set input = '[]'")
    assert start_slots(fast, AT) == [True]


def test_slots_of_another_schedule_and_settled_ones_start_nothing(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@hourly')")
    assert start_slots(fast, AT) == []
    fast.do("select pgflowc.set_schedule('f', '@daily', 'Europe/Berlin')")
    assert start_slots(fast, AT) == []
    fast.do("select pgflowc.set_schedule('f', '@daily')")
    assert start_slots(fast, "now() - interval '1 min'", "now()") == []
    fast.do("select pgflowc.pause_schedule('f')")
    assert start_slots(fast, AT) == []
    fast.do("select pgflowc.resume_schedule('f')")
    assert start_slots(fast, AT) == [True]


def test_a_slot_is_left_out_while_a_run_goes_on(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@daily', p_overlap => 'skip')")
    slots = f"{AT}, {AT} + interval '1 day'"
    assert start_slots(fast, slots, f"{AT} + interval '1 day'") == [True, False]
    fast.work("f")
    later = f"{AT} + interval '2 day'"
    assert start_slots(fast, later, later) == [True]
    fast.work("f")
    # One that was started by hand counts as well.
    fast.do("select pgflowc.trigger_schedule('f')")
    fast.do("update pgflowc.schedule_slots set slot = slot + interval '9 years' where slot < '2030-01-01'")
    assert start_slots(fast, f"{later} + interval '1 day'", f"{later} + interval '1 day'") == [False]


def test_what_became_of_slots_is_kept_for_a_month(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@daily')")
    for month in range(4):
        slot = f"{AT} + interval '{month} months'"
        assert start_slots(fast, slot, slot) == [True]
        if month == 1:
            fast.work("f")
    kept = fast.column("select slot::date::text from pgflowc.schedule_slots order by slot")
    assert kept == ["2030-02-01", "2030-03-01", "2030-04-01"]


def test_changes_of_the_schedule_move_what_is_settled(fast) -> None:
    fast.flow("f", "a")
    settled = "select settled_until from pgflowc.schedules"
    fast.do("select pgflowc.set_schedule('f', '@daily')")
    fast.do("update pgflowc.schedules set settled_until = '2020-01-01Z'")
    old = fast.value(settled)
    fast.do("select pgflowc.set_schedule('f', '@daily', p_input => '[]', p_overlap => 'skip')")
    assert fast.value(settled) == old
    for change in (
        "'@hourly'",
        "'@hourly', 'Europe/Berlin'",
        "'@hourly', 'Europe/Berlin', p_catch_up => 'all'",
    ):
        fast.do("update pgflowc.schedules set settled_until = '2020-01-01Z'")
        fast.do(f"select pgflowc.set_schedule('f', {change})")
        assert fast.value(settled) > old


def test_schedules_that_are_not_there(fast) -> None:
    fast.flow("f", "a")
    for call in ("pause_schedule", "resume_schedule", "trigger_schedule"):
        with pytest.raises(psycopg.errors.NoDataFound, match='flow "f" has no schedule'):
            fast.do(f"select pgflowc.{call}('f')")


@pytest.mark.parametrize("option", ["p_catch_up => 'some'", "p_overlap => 'queue'"])
def test_options_that_are_none(fast, option) -> None:
    fast.flow("f", "a")
    with pytest.raises(psycopg.errors.CheckViolation):
        fast.do(f"select pgflowc.set_schedule('f', '@daily', {option})")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", True),
        ("*/5 0-6,22 1,15 jan-mar *", True),
        ("30 9 * * MON-fri", True),
        ("0 0-20/4 * * 5-7", True),
        ("@weekly", True),
        ("@reboot", False),
        ("0 9 L * *", False),
        ("0 9 * * fri#2", False),
        ("0 9 * * fri-mon", False),
        ("0 22-6 * * *", False),
        ("5/15 * * * *", False),
        ("0 9 */2 * mon", False),
        ("0 9 1 * mon", True),
        ("0 9 * * */2", True),
        ("* * * * * */1", False),
        ("30 seconds", False),
        ("", False),
        ("0 9 * * *; drop table x", False),
        ("٣ * * * *", False),
    ],
)
def test_what_every_cron_reads_as_workers_do(fast, expression: str, expected: bool) -> None:
    assert fast.value("select pgflowc._is_crontab(%s)", expression) is expected


@pytest.mark.parametrize(
    ("there", "text"),
    [
        ("", "not loaded: add pg_cron to shared_preload_libraries"),
        ("set cron.database_name = 'b'", 'runs jobs of database "b"'),
        ("{here}", "create extension pg_cron"),
    ],
)
def test_where_pg_cron_cannot_keep_a_schedule(fast, there: str, text: str) -> None:
    fast.do(there.format(here=_HERE) or "select 1")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
        fast.do("select pgflowc.require_pg_cron('pgflow_f')")
    assert text in refused.value.diag.message_detail
    assert 'cron = "worker"' in refused.value.diag.message_hint


def test_where_pg_cron_can_keep_a_schedule(fast) -> None:
    """By UTC; a setting that no library knows is none."""
    job = "create table cron.job (jobname text, database text, username text)"
    for command in (_HERE, "create schema cron", job, "set cron.timezone = 'Asia/Tokyo'"):
        fast.do(command)
    fast.do("insert into cron.job values ('pgflow_f', current_database(), current_user)")
    fast.do("select pgflowc.require_pg_cron('pgflow_f')")
    fast.do("insert into cron.job values ('pgflow_g', current_database(), 'somebody')")
    with pytest.raises(psycopg.errors.DuplicateObject, match='belongs to role "somebody"'):
        fast.do("select pgflowc.require_pg_cron('pgflow_g')")
    # One that is known.
    fast.do(
        "create or replace function pgflowc._pg_cron_timezone() returns text language sql"
        " as $$ select 'Asia/Tokyo' $$"
    )
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="in the time zone Asia/Tokyo"):
        fast.do("select pgflowc.require_pg_cron('pgflow_f')")


def test_a_job_of_pg_cron_starts_each_minute_once_with_the_input_of_the_schedule(fast) -> None:
    """What the job calls; that pg_cron calls it is tested where there is one."""
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@hourly', p_input => '{\"a\": 1}')")
    fire = "select pgflowc.fire_schedule('f', %s)"
    # Workers fire it.
    assert fast.value(fire, "@hourly") is None
    fast.do("update pgflowc.schedules set fired_by = 'pg_cron', settled_until = 'yesterday'")
    assert fast.value(fire, "@daily") is None
    fast.do("select pgflowc.pause_schedule('f')")
    assert fast.value(fire, "@hourly") is None
    fast.do("select pgflowc.resume_schedule('f')")
    fast.do("update pgflowc.schedules set settled_until = 'yesterday'")
    run_id = fast.value(fire, "@hourly")
    assert fast.run(run_id)["input"] == {"a": 1}
    [slot] = fast.rows("select slot, run_id from pgflowc.schedule_slots")
    assert (slot["run_id"], slot["slot"].second, slot["slot"].microsecond) == (run_id, 0, 0)
    # Again in this minute, as a job of another role would.
    fast.do("update pgflowc.schedules set settled_until = 'yesterday'")
    fast.do(
        "insert into pgflowc.schedule_slots values ('f', date_trunc('minute', now())) on conflict do nothing"
    )
    assert fast.value(fire, "@hourly") is None


def test_a_schedule_that_pg_cron_fired_is_kept_by_workers_when_the_extension_is_gone(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@hourly')")
    fast.do("update pgflowc.schedules set fired_by = 'pg_cron', settled_until = 'yesterday'")
    start = "select run_id from pgflowc.start_slots('f', '@hourly', 'UTC', array[now()], now())"
    assert fast.run(fast.value(start))["flow_slug"] == "f"
    assert fast.value("select pgflowc.assign_schedule('f')") == "worker"
    assert schedule(fast)["fired_by"] == "worker"
