"""The times of a schedule on clocks that are changed, and what is made up for after workers were away."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from pgflowc_runtime.rows import Schedule
from pgflowc_runtime.scheduler.due import BATCH, coming, due, forgotten
from pgflowc_runtime.scheduler.slots import UnreadableSchedule, changes_clock, last_slot, next_slot, slots

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC") -> datetime:
    """`2026-03-29 01:00`, on that zone's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def times(schedule: str, zone: str, after: str, count: int) -> list[str]:
    """Day, hour and minute in UTC of the first `count` slots after that moment of UTC."""
    return [f"{slot:%d %H:%M}" for slot in islice(slots(schedule, zone, at(after)), count)]


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        # The clock goes from 02:00 to 03:00 at 01:00 UTC: what it leaves out comes at the change, once.
        ("30 2 * * *", BERLIN, "2026-03-28 00:00", "28 01:30, 29 01:00, 30 00:30"),
        ("*/20 2 * * *", BERLIN, "2026-03-28 01:30", "28 01:40, 29 01:00, 30 00:00"),
        ("0 2,3 * * *", BERLIN, "2026-03-28 12:00", "29 01:00, 30 00:00, 30 01:00"),
        # It goes from 03:00 back to 02:00 at 01:00 UTC: what it shows twice comes at the first.
        ("30 2 * * *", BERLIN, "2026-10-24 12:00", "25 00:30, 26 01:30, 27 01:30"),
        ("*/20 2 * * *", BERLIN, "2026-10-25 00:30", "25 00:40, 26 01:00, 26 01:20"),
        # Schedules of every hour go by the hours that pass.
        ("30 * * * *", BERLIN, "2026-03-29 00:00", "29 00:30, 29 01:30, 29 02:30"),
        ("30 * * * *", BERLIN, "2026-10-25 00:00", "25 00:30, 25 01:30, 25 02:30"),
        ("@hourly", BERLIN, "2026-10-25 00:30", "25 01:00, 25 02:00, 25 03:00"),
        ("*/20 */2 * * *", BERLIN, "2026-10-25 00:30", "25 00:40, 25 01:00, 25 01:20, 25 01:40, 25 03:00"),
        # Half an hour in one place, and a day that another never had.
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 20:00", "04 14:45, 05 15:15"),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-02 20:00", "03 15:30, 04 15:15"),
        ("0 12 * * *", "Pacific/Apia", "2011-12-28 23:00", "29 22:00, 30 10:00, 30 22:00"),
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", "29 00:00, 29 00:00"),
        # A range of one value is that value, whatever croniter makes of it.
        ("0 3-3 5-5/2,13 * *", "UTC", "2026-01-01 00:00", "05 03:00, 13 03:00, 05 03:00"),
        ("0 0 * * Fri-fri,0-7/7", "UTC", "2026-01-01 00:00", "02 00:00, 04 00:00, 09 00:00"),
        # A step goes on past the end of its field, and over Sunday under both its numbers.
        ("0 20-4/3 * * *", "UTC", "2026-01-01 12:00", "01 20:00, 01 23:00, 02 02:00, 02 20:00"),
        ("0 0 1 Nov-mar/2 *", "UTC", "2026-10-01 00:00", "01 00:00, 01 00:00, 01 00:00"),
        ("0 0 * * fri-MON/2", "UTC", "2026-01-01 00:00", "02 00:00, 04 00:00, 09 00:00"),
        ("0 0 * * 7-sun", "UTC", "2026-01-01 00:00", "04 00:00, 11 00:00, 18 00:00"),
        ("0 0 29 2 *", "UTC", "9996-01-01 00:00", "29 00:00"),
    ],
)
def test_clocks_that_are_changed(schedule: str, zone: str, after: str, expected: str) -> None:
    assert times(schedule, zone, after, expected.count(",") + 1) == expected.split(", ")


@pytest.mark.parametrize("change", ["2026-03-29 01:00", "2026-10-25 01:00"])
@pytest.mark.parametrize("schedule", ["30 2 * * *", "*/30 * * * *", "0 */3 * * *"])
def test_it_does_not_matter_from_where_one_looks(schedule: str, change: str) -> None:
    """The next slot after any slot, or just before one, is that of the whole sequence."""
    first, last = at(change) - timedelta(days=1.1), at(change) + timedelta(days=1.1)
    whole = [slot for slot in islice(slots(schedule, BERLIN, first), 300) if slot < last]
    assert whole == sorted(set(whole))
    for slot, following in pairwise(whole):
        assert next_slot(schedule, BERLIN, slot) == following
        assert next_slot(schedule, BERLIN, following - timedelta(microseconds=1)) == following
        assert last_slot(schedule, BERLIN, first, following - timedelta(seconds=1)) == slot


def test_a_daily_schedule_comes_once_on_each_day_of_eight_years() -> None:
    days = [
        slot.astimezone(ZoneInfo(BERLIN)).date()
        for slot in islice(slots("30 2 * * *", BERLIN, at("2010-01-01 00:00", BERLIN)), 2922)
    ]
    assert days[-1] - days[0] == timedelta(days=2921)
    assert len(set(days)) == 2922


def test_days_of_change_are_known() -> None:
    assert changes_clock(BERLIN, at("2026-03-29 12:00")) == timedelta(hours=1)
    assert changes_clock(BERLIN, at("2026-10-25 12:00")) == timedelta(hours=-1)
    assert changes_clock(BERLIN, at("2026-03-28 12:00")) == timedelta()
    assert changes_clock("UTC", at("2026-03-29 12:00")) == timedelta()


@pytest.mark.parametrize("schedule", ["", "soon", "61 * * * *", "* * * *", "0 0 * * xyz", "@reboot"])
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(UnreadableSchedule):
        slots(schedule, "UTC", at("2026-01-01 00:00"))


@pytest.mark.parametrize("zone", ["", "Berlin", "../etc/passwd", "Europe"])
def test_what_is_no_time_zone(zone: str) -> None:
    with pytest.raises(UnreadableSchedule, match="is not known on this machine"):
        slots("@daily", zone, at("2026-01-01 00:00"))


def test_a_day_that_never_comes() -> None:
    assert next_slot("0 0 30 2 *", "UTC", at("2026-01-01 00:00")) is None
    assert last_slot("0 0 30 2 *", "UTC", at("2000-01-01 00:00"), at("2026-01-01 00:00")) is None


def hourly(catch_up, settled: str) -> Schedule:
    return Schedule(
        flow_slug="f", schedule="0 * * * *", timezone="UTC", catch_up=catch_up, settled_until=at(settled)
    )


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
@pytest.mark.parametrize(("late", "found"), [(-1, 0), (0, 1), (1, 1), (59, 1)])
def test_a_slot_is_due_from_its_time_on(catch_up, late: int, found: int) -> None:
    result = due(hourly(catch_up, "2026-01-01 11:00"), at("2026-01-01 12:00") + timedelta(seconds=late))
    assert len(result.slots if result else ()) == found


def test_what_is_made_up_for() -> None:
    settled, now = "2026-01-01 00:00", at("2026-01-02 12:30")
    assert due(hourly("none", settled), now) is None
    last = due(hourly("last", settled), now)
    assert (last.slots, last.until) == ([at("2026-01-02 12:00")], at("2026-01-02 12:00"))
    every = due(hourly("all", settled), now)
    assert (len(every.slots), every.more, every.until) == (36, False, at("2026-01-02 12:00"))


@pytest.mark.parametrize(
    ("settled", "up_since", "now", "slots"),
    [
        ("11:58", "09:00", "12:01:29", 0),
        ("11:58", "09:00", "12:01:30", 1),
        # Started, though late.
        ("12:01", "09:00", "12:01:40", 0),
        # pg_cron may not have known it.
        ("11:59:30", "09:00", "12:01:40", 0),
        # The server was away.
        ("09:00", "11:59:30", "12:01:40", 0),
        # Nobody looked in time.
        ("09:00", "09:00", "12:02:45", 0),
    ],
)
def test_what_pg_cron_forgot(settled: str, up_since: str, now: str, slots: int) -> None:
    at_day = "2026-01-01 {}".format
    found = forgotten(hourly("none", at_day(settled)), at(at_day(now)), at(at_day(up_since)))
    assert (list(found.slots) if found else []) == [at(at_day("12:00"))] * slots


def test_years_are_made_up_for_in_batches() -> None:
    schedule, now = hourly("all", "2020-01-01 00:00"), at("2026-01-01 00:00")
    found = due(schedule, now)
    assert (len(found.slots), found.more) == (BATCH, True)
    assert found.slots[0] == at("2020-01-01 01:00")
    assert due(hourly("last", "2020-01-01 00:00"), now).slots == [now]
    assert coming(schedule, now) == at("2026-01-01 01:00")
