"""Schedules that fire: once for each slot, whoever leads, whatever happens to the leader."""

from __future__ import annotations

import asyncio
import calendar
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from pgflowc_runtime import telemetry
from pgflowc_runtime.database import Database
from pgflowc_runtime.scheduler.scheduler import Scheduler
from pgflowc_runtime.session import Session

START = datetime(2026, 1, 1, tzinfo=UTC)


class Crew:
    """Schedulers that are told what time it is, each with a session of its own."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn, application_name="crew", size=4)
        self._pooled = False
        self._running: dict[Session | None, asyncio.Task[None]] = {}
        self.sessions: list[Session | None] = []
        self.schedulers: list[Scheduler] = []

    async def open(self) -> None:
        await self._database.open(patience=5)

    def pretend_a_pooler(self) -> None:
        """Those that join have no session."""
        self._pooled = True

    async def close(self) -> None:
        for session in self.sessions:
            await self.end(session)
        await self._database.close()

    async def end(self, session: Session | None) -> None:
        """The server lets others have its lock."""
        running = self._running.pop(session, None)
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def join(self) -> int:
        """One more; its number."""
        session = None if self._pooled else Session(self._database.conninfo)
        self.schedulers.append(Scheduler(self._database, session))
        self.sessions.append(session)
        if session is not None:
            connected = asyncio.Event()
            session.on_change(connected.set)
            self._running[session] = asyncio.create_task(session.run())
            await connected.wait()
        return len(self.schedulers) - 1

    async def look(self, now: datetime, *numbers: int) -> list[timedelta]:
        """All of them, or these, look at once; how long each would sleep then."""
        who = numbers or range(len(self.schedulers))
        return await asyncio.gather(*(self.schedulers[number].look(now) for number in who))

    async def keep_time(self, number: int, now: datetime, until: datetime) -> int:
        """Look, sleep as long as it says, and so on; how many looks that took."""
        looks = 0
        while now < until:
            [pause] = await self.look(now, number)
            now += max(pause, timedelta(milliseconds=1))
            looks += 1
        return looks

    @property
    def leaders(self) -> list[int]:
        return [number for number, scheduler in enumerate(self.schedulers) if scheduler.leads]


@pytest.fixture
async def crew(bench) -> AsyncIterator[Crew]:
    crew = Crew(bench.dsn)
    await crew.open()
    yield crew
    await crew.close()


@pytest.fixture
def schedule(bench, step) -> Callable[..., None]:
    """Defines a flow with a schedule whose slots are settled until START."""

    def define(slug: str, expression: str, *, settled: datetime = START, **options: str) -> None:
        bench.flow(slug, step("only"))
        named = "".join(f", p_{name} => %s" for name in options)
        bench.rows(f"select pgflowc.set_schedule(%s, %s{named})", slug, expression, *options.values())
        bench.rows("update pgflowc.schedules set settled_until = %s where flow_slug = %s", settled, slug)

    return define


@pytest.fixture
def fired(bench) -> Callable[..., list[datetime]]:
    """The slots of a flow that started runs; each has a run of its own that exists."""

    def read(slug: str) -> list[datetime]:
        rows = bench.rows(
            "select s.slot, r.run_id from pgflowc.schedule_slots s left join pgflow.runs r using (run_id)"
            " where s.flow_slug = %s and s.run_id is not null order by s.slot",
            slug,
        )
        assert len({run_id for _, run_id in rows} - {None}) == len(rows)
        assert bench.value("select count(*) from pgflow.runs where flow_slug = %s", slug) == len(rows)
        return [slot for slot, _ in rows]

    return read


def minutes(first: int, last: int) -> list[datetime]:
    return [START + timedelta(minutes=number) for number in range(first, last + 1)]


async def test_ten_schedulers_and_changing_leaders_start_each_slot_once(bench, crew, schedule, fired) -> None:
    schedule("tick", "* * * * *")
    for _ in range(10):
        await crew.join()
    now = START
    for _ in range(6):
        now += timedelta(minutes=1)
        await crew.look(now + timedelta(milliseconds=3))
        assert len(crew.leaders) == 1
        # All of them act on what is late, too.
        await crew.look(now + timedelta(seconds=4))
        assert fired("tick") == minutes(1, round((now - START) / timedelta(minutes=1)))
        leader = crew.leaders[0]
        await crew.end(crew.sessions[leader])
        crew.schedulers.pop(leader)
        crew.sessions.pop(leader)
        await bench.until(lambda: leader_pid(bench) is None)


async def test_one_that_stands_by_takes_over_before_the_next_slot(bench, crew, schedule, fired) -> None:
    schedule("tick", "*/5 * * * *")
    first, second = await crew.join(), await crew.join()
    [pause] = await crew.look(START + timedelta(seconds=290), first)
    assert timedelta(seconds=9) < pause <= timedelta(seconds=10)
    [pause] = await crew.look(START + timedelta(seconds=290), second)
    assert timedelta(seconds=5) <= pause < timedelta(seconds=10)
    await crew.end(crew.sessions[first])
    await bench.until(lambda: leader_pid(bench) is None)
    [pause] = await crew.look(START + timedelta(seconds=290) + pause, second)
    assert crew.schedulers[second].leads
    await crew.look(START + timedelta(seconds=300), second)
    assert fired("tick") == minutes(5, 5)


async def test_a_leader_that_hangs_is_passed_over(crew, schedule, fired) -> None:
    schedule("tick", "*/5 * * * *")
    leader, other = await crew.join(), await crew.join()
    await crew.look(START + timedelta(seconds=200), leader)
    await crew.look(START + timedelta(seconds=301), other)
    assert fired("tick") == []
    [pause] = await crew.look(START + timedelta(seconds=301), other)
    assert pause <= timedelta(seconds=2)
    await crew.look(START + timedelta(seconds=301) + pause, other)
    assert (fired("tick"), crew.leaders) == (minutes(5, 5), [leader])
    await crew.look(START + timedelta(seconds=305), leader)
    assert fired("tick") == minutes(5, 5)


async def test_behind_a_pooler_all_are_equal_and_each_slot_starts_once(crew, schedule, fired) -> None:
    schedule("tick", "* * * * *")
    crew.pretend_a_pooler()
    for _ in range(3):
        await crew.join()
    for number in range(1, 4):
        pauses = await crew.look(START + timedelta(minutes=number))
        assert max(pauses) <= timedelta(seconds=15)
    assert (fired("tick"), crew.leaders) == (minutes(1, 3), [])


async def test_years_of_slots(crew, schedule, fired) -> None:
    """Eight years of last Sundays, on two of which a year Berlin's clock is changed, by two schedulers."""
    schedule("sundays", "30 2 * * L0", timezone="Europe/Berlin")
    crowd = [await crew.join(), await crew.join()]
    expected = []
    for month in range(96):
        day = date(
            2026 + month // 12, month % 12 + 1, calendar.monthrange(2026 + month // 12, month % 12 + 1)[1]
        )
        sunday = day - timedelta(days=(day.weekday() + 1) % 7)
        # 02:30 there; where there is none, the moment of the change, 03:00.
        hour = {3: 1, 10: 0}.get(sunday.month, 0 if 3 < sunday.month < 10 else 1)
        minute = 0 if sunday.month == 3 else 30
        expected.append(datetime(sunday.year, sunday.month, sunday.day, hour, minute, tzinfo=UTC))
        for number in crowd:
            await crew.keep_time(
                number, expected[-1] - timedelta(seconds=30), expected[-1] + timedelta(seconds=5)
            )
    assert fired("sundays") == expected


@pytest.mark.parametrize(
    ("catch_up", "expected"), [("none", []), ("last", minutes(1439, 1439)), ("all", minutes(1, 1439))]
)
async def test_a_day_without_workers(crew, schedule, fired, catch_up: str, expected: list[datetime]) -> None:
    schedule("tick", "* * * * *", catch_up=catch_up, timezone="UTC")
    await crew.join()
    now = START + timedelta(minutes=1439, seconds=30)
    if catch_up == "none":
        now += timedelta(seconds=31)
        expected = minutes(1440, 1440)
    for _ in range(15):
        [pause] = await crew.look(now)
        if pause:
            break
    assert fired("tick") == expected
    assert pause <= timedelta(seconds=30 if catch_up != "none" else 59)


async def test_a_slot_is_left_out_while_a_run_of_the_schedule_goes_on(
    bench, crew, schedule, fired, caplog
) -> None:
    schedule("busy", "* * * * *", overlap="skip")
    schedule("free", "* * * * *")
    await crew.join()
    with caplog.at_level(logging.INFO):
        for number in range(1, 4):
            await crew.look(START + timedelta(minutes=number))
    assert "left out a slot of busy: a run of its schedule goes on" in caplog.messages
    assert (fired("busy"), fired("free")) == (minutes(1, 1), minutes(1, 3))
    assert bench.work("busy") == 1
    await crew.look(START + timedelta(minutes=4))
    assert fired("busy") == [*minutes(1, 1), *minutes(4, 4)]


async def test_runs_get_the_input_and_are_told_of(bench, crew, schedule) -> None:
    schedule("tick", "* * * * *", input='{"kind": "minutely"}')
    await crew.join()
    told = []
    telemetry.attach("test", ["run.started"], lambda event, measured, about: told.append(about))
    try:
        await crew.look(START + timedelta(minutes=1))
    finally:
        telemetry.detach("test")
    [(run_id, input)] = bench.rows("select run_id, input from pgflow.runs")
    assert input == {"kind": "minutely"}
    assert told == [{"flow_slug": "tick", "run_id": run_id}]


async def test_one_bad_schedule_does_not_stop_the_others(bench, crew, schedule, fired, caplog) -> None:
    for slug in ("a_bad", "b_odd", "c_good"):
        schedule(slug, "* * * * *")
    bench.rows("update pgflowc.schedules set schedule = 'whenever' where flow_slug = 'a_bad'")
    # A map at the root takes an array, and gets an object.
    bench.rows("update pgflow.steps set step_type = 'map' where flow_slug = 'b_odd'")
    await crew.join()
    for number in (1, 2):
        [pause] = await crew.look(START + timedelta(minutes=number))
        assert pause > timedelta()
    assert fired("c_good") == minutes(1, 2)
    [unreadable] = [message for message in caplog.messages if "cannot start by itself" in message]
    assert "flow a_bad" in unreadable
    assert "whenever" in unreadable
    assert any("cannot start flow b_odd by its schedule" in message for message in caplog.messages)


async def test_what_is_removed_paused_or_without_its_flow_starts_nothing(bench, crew, schedule) -> None:
    for slug in ("removed", "paused", "orphan"):
        schedule(slug, "* * * * *", catch_up="all")
    bench.rows("select pgflowc.remove_schedule('removed')")
    bench.rows("select pgflowc.pause_schedule('paused')")
    bench.rows("select pgflow.delete_flow_and_data('orphan')")
    await crew.join()
    await crew.look(START + timedelta(minutes=1))
    assert bench.value("select count(*) from pgflow.runs") == 0
    # What came in a pause is not made up for.
    bench.rows("select pgflowc.resume_schedule('paused')")
    await crew.look(datetime.now(UTC) - timedelta(seconds=1))
    assert bench.value("select count(*) from pgflow.runs") == 0


# As far as pgflowc looks at it; nothing fires.
IDLE_PG_CRON = """
create schema cron;
create table cron.job (jobid bigint, jobname text, schedule text, database text default current_database());
create function cron.unschedule(bigint) returns boolean language sql as
  'delete from cron.job where jobid = $1 returning true';
insert into cron.job values (1, 'pgflowc_quiet', '* * * * *');
set allow_system_table_mods = on;
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
values (1, 'pg_cron', 10, 'cron'::regnamespace, false, '1');
reset allow_system_table_mods;
"""


async def test_workers_start_what_pg_cron_does_not(bench, crew, schedule, fired, caplog) -> None:
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
    schedule("quiet", "* * * * *", settled=soon)
    schedule("other", "* * * * *", settled=soon)
    for command in filter(str.strip, IDLE_PG_CRON.split(";\n")):
        bench.rows(command)
    bench.rows("update pgflowc.schedules set fired_by = 'pg_cron'")
    await crew.join()
    await crew.join()
    await crew.look(soon + timedelta(seconds=149))
    assert fired("quiet") == []
    # pg_cron starts this one, if not in time.
    bench.rows(
        "update pgflowc.schedules set settled_until = %s where flow_slug = 'other'",
        soon + timedelta(minutes=1),
    )
    await crew.look(soon + timedelta(seconds=150))
    late = [soon + timedelta(minutes=number) for number in (1, 2)]
    assert (fired("quiet"), fired("other"), bench.value("select count(*) from cron.job")) == (late, [], 0)
    assert "pg_cron did not start quiet by its schedule: workers keep it from now on" in caplog.messages
    # A job that comes late starts nothing.
    assert bench.value("select pgflowc.fire_schedule('quiet', '* * * * *')") is None
    await crew.look(soon + timedelta(seconds=180))
    assert (fired("quiet")[2:], fired("other")) == ([soon + timedelta(minutes=3)], [])


async def test_a_worker_fires_and_hears_of_new_schedules(bench, step) -> None:
    """A schedule that is set while the leader sleeps is kept at once."""
    flow = bench.flow("soon", step("only"))
    async with bench.working((flow, {"only": lambda input, ctx: input})):
        await bench.until(lambda: leader_pid(bench))
        bench.rows("select pgflowc.set_schedule('soon', '* * * * *')")
        # It has just been set, and the next minute may be far: as if it had been there for one.
        bench.rows("update pgflowc.schedules set settled_until = settled_until - interval '1 min'")
        bench.rows("notify pgflowc_schedules")
        await bench.until(
            lambda: bench.value("select count(*) from pgflow.runs where status = 'completed'"), 5
        )


async def test_a_leader_killed_with_9_is_replaced_within_five_seconds(
    bench, step, app, worker_process
) -> None:
    """In real time, by a schedule of every second; specs know none, but croniter does."""
    registry = """
        from pgflowc_runtime import Flow, JsonValue, Registry, Step

        step = Step(slug="only", argument=JsonValue, output=JsonValue)
        Tick = Flow(slug="tick", input=JsonValue, steps=(step,), max_attempts=1, base_delay=0, timeout=9,
                    definition_hash="")
        registry = Registry()
        registry.add(Tick, {"only": lambda input, ctx: input})
    """
    flow = bench.flow("tick", step("only"), timeout=9)
    first = worker_process(app(registry), bench.dsn)
    await bench.until(lambda: leader_pid(bench))
    killed = leader_pid(bench)
    async with bench.working((flow, {"only": lambda input, ctx: input})):
        bench.rows("select pgflowc.set_schedule('tick', '* * * * * */1')")
        await bench.until(lambda: bench.value("select count(*) from pgflowc.schedule_slots") >= 2)
        first.process.kill()
        await bench.until(lambda: leader_pid(bench) not in (None, killed), 5)
        before = bench.value("select count(*) from pgflowc.schedule_slots")
        await bench.until(lambda: bench.value("select count(*) from pgflowc.schedule_slots") >= before + 2)
    late = bench.rows("select slot, created_at - slot from pgflowc.schedule_slots order by slot")
    seconds = [slot for slot, _ in late]
    # None was left out, none came early, and none more than five seconds late.
    assert seconds == [seconds[0] + timedelta(seconds=number) for number in range(len(seconds))]
    assert all(timedelta() <= delay < timedelta(seconds=5) for _, delay in late)
    assert bench.value("select count(distinct run_id) from pgflow.runs") == len(seconds)


async def test_a_leader_killed_with_9_is_replaced_within_five_seconds_when_no_slot_is_due(
    bench, step, app, worker_process
) -> None:
    """The deputy leads, another becomes the deputy, and nobody else asks for the lock."""
    registry = """
        from pgflowc_runtime import Flow, JsonValue, Registry, Step

        step = Step(slug="only", argument=JsonValue, output=JsonValue)
        Yearly = Flow(slug="yearly", input=JsonValue, steps=(step,), max_attempts=1, base_delay=0, timeout=9,
                      definition_hash="")
        registry = Registry()
        registry.add(Yearly, {"only": lambda input, ctx: input})
    """
    flow = bench.flow("yearly", step("only"), timeout=9)
    bench.rows("select pgflowc.set_schedule('yearly', '@yearly')")
    first = worker_process(app(registry), bench.dsn)
    await bench.until(lambda: leader_pid(bench))
    killed = leader_pid(bench)
    handlers = {"only": lambda input, ctx: input}
    async with bench.working((flow, handlers)):
        await bench.until(lambda: leader_pid(bench, deputy=True))
        deputy = leader_pid(bench, deputy=True)
        async with bench.working((flow, handlers)):
            # One that looks for the first time just after the kill would lead at once.
            looked = """
                select count(*) = 3 from pg_stat_activity a
                where a.datname = current_database() and a.state = 'idle' and a.query ~ 'pg_try_advisory_lock'
            """
            await bench.until(lambda: bench.value(looked))
            first.process.kill()
            await bench.until(lambda: leader_pid(bench) not in (None, killed), 5)
            assert leader_pid(bench) == deputy
            await bench.until(lambda: leader_pid(bench, deputy=True) not in (None, deputy), 5)
    assert bench.value("select count(*) from pgflow.runs") == 0


def leader_pid(bench, *, deputy: bool = False) -> int | None:
    """The server process of the session that leads the schedulers of this database, or stands by for that."""
    rows = bench.rows(
        "select l.pid from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1"
        " and l.database = (select oid from pg_database where datname = current_database())"
        " and (l.classid::bigint << 32) + l.objid::bigint = %s",
        0x7067666C6F776373 + deputy,
    )
    return rows[0][0] if rows else None
