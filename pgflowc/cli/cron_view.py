"""How schedules look to a person, and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from pgflowc.cli import run_view
from pgflowc_runtime.rows import ScheduleInfo
from pgflowc_runtime.scheduler.slots import UnreadableSchedule, changes_clock, next_slot

_FORM = "%a %Y-%m-%d %H:%M"
# What the names stand for, for who describes five fields only.
_NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def in_words(schedule: str) -> str:
    """The schedule in English: `At 09:00, Monday through Friday`; itself if there are no words for it."""
    # Slow to import, and needed by two commands only.
    from cron_descriptor import FormatException, MissingFieldException

    schedule = _NAMES.get(schedule, schedule)
    try:
        words = _with_both_days(schedule) or _described(schedule)
    except (FormatException, MissingFieldException, ValueError, IndexError):
        return schedule
    return schedule if "  " in words else words  # a part that it has no word for, such as fri#2 in a list


def _described(schedule: str) -> str:
    from cron_descriptor import Options, get_description

    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"  # as all else that is printed
    return str(get_description(schedule, options))


def _with_both_days(schedule: str) -> str | None:
    """Of a schedule with days of the month and of the week: one is enough, which other words leave open."""
    minute, hour, day, month, weekday = schedule.split()[:5]
    if "*" in (day, weekday):
        return None
    time = _described(f"{minute} {hour} * * *")
    days = (f"{day} * *", f"* * {weekday}", f"* {month} *")
    of_month, of_week, months = (
        _described(f"{minute} {hour} {one}").removeprefix(time).removeprefix(", ").removeprefix("only ")
        for one in days
    )
    return ", ".join(filter(None, (time, of_month, f"or {of_week}", months)))


def show_list(schedules: Sequence[ScheduleInfo], now: datetime) -> None:
    """Print schedules, two lines each; times are local to the schedule."""
    out = run_view.console()
    for one in schedules:
        head = Text(one.flow_slug, style="bold")
        by = "  by pg_cron" if one.keeper == "pg_cron" else ""
        head.append(f"  {one.schedule}  {one.timezone}{by}", style="default")
        for name, value, usual in (("catch_up", one.catch_up, "none"), ("overlap", one.overlap, "allow")):
            if value != usual:
                head.append(f"  {name} {value}", style="default")
        out.print(head, soft_wrap=True)
        last = _last(one) if one.recorded else "its runs are in cron.job_run_details"
        out.print(Text(f"  {in_words(one.schedule)}; {_next(one, now)}; {last}"), soft_wrap=True)


def list_json(schedules: Sequence[ScheduleInfo], now: datetime) -> str:
    """`next` is None for a schedule that starts nothing by itself: paused, without its flow, or over."""
    shown = []
    for one in schedules:
        coming = _coming(one, now)
        following = None if isinstance(coming, str) else coming
        shown.append({**asdict(one), "description": in_words(one.schedule), "next": following})
    return run_view.as_json(shown)


def show_preview(schedule: str, timezone: str, coming: Sequence[datetime]) -> None:
    """Print the times, with what the clock does on days on which it is changed."""
    out = run_view.console()
    head = Text(schedule, style="bold")
    head.append(f"  {timezone}  {in_words(schedule)}", style="default")
    out.print(head, soft_wrap=True)
    zone = ZoneInfo(timezone)
    for slot in coming:
        line = f"{slot.astimezone(zone):{_FORM}} {_offset(slot, zone)}  {slot:%Y-%m-%d %H:%M} UTC"
        out.print(Text(f"{line}  {_change(timezone, slot)}".rstrip()), soft_wrap=True)
    if not coming:
        out.print("No time comes any more.")


def preview_json(schedule: str, timezone: str, coming: Sequence[datetime]) -> str:
    """`clock_change`: seconds by which the clock is put forward on that day."""
    zone = ZoneInfo(timezone)
    return run_view.as_json(
        {
            "schedule": schedule,
            "timezone": timezone,
            "description": in_words(schedule),
            "times": [
                {
                    "local": slot.astimezone(zone).isoformat(),
                    "utc": slot.isoformat(),
                    "clock_change": int(changes_clock(timezone, slot).total_seconds()),
                }
                for slot in coming
            ],
        }
    )


def _coming(one: ScheduleInfo, now: datetime) -> datetime | str:
    """The next time; in words why none comes."""
    if not one.flow_exists:
        return "starts nothing, its flow is gone"
    if one.paused_at is not None:
        return f"paused since {one.paused_at.astimezone(ZoneInfo(one.timezone)):%Y-%m-%d %H:%M}"
    if not one.active:
        return "paused"
    try:
        return next_slot(one.schedule, one.timezone, max(now, one.settled_until)) or "never again"
    except UnreadableSchedule as error:
        return f"starts nothing: {error}"


def _next(one: ScheduleInfo, now: datetime) -> str:
    coming = _coming(one, now)
    return coming if isinstance(coming, str) else f"next {coming.astimezone(ZoneInfo(one.timezone)):{_FORM}}"


def _last(one: ScheduleInfo) -> str:
    if one.last_slot is None:
        return "no run yet"
    when = one.last_slot.astimezone(ZoneInfo(one.timezone))
    return f"last {when:{_FORM}} {one.last_status or 'deleted'}  {one.last_run_id}"


def _offset(slot: datetime, zone: ZoneInfo) -> str:
    offset = f"{slot.astimezone(zone):%z}"
    return f"{offset[:3]}:{offset[3:5]}"


def _change(timezone: str, slot: datetime) -> str:
    change = changes_clock(timezone, slot)
    if not change:
        return ""
    size = change if change > timedelta() else -change
    hours = f"{size / timedelta(hours=1):g} h"
    return f"the clock is put {'forward' if change > timedelta() else 'back'} by {hours} this day"
