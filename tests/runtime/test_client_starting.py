"""Starting runs later, many at once, again, and while the database is away."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import psycopg
import pytest

from pgflowc_runtime import (
    AsyncClient,
    Client,
    ConfigurationError,
    DatabaseUnavailable,
    FlowNotFound,
    InvalidInput,
    InvalidRunId,
    InvalidTime,
    Payload,
    RunExists,
    SchemaError,
    telemetry,
)


class Mail(Payload):
    to: str


@pytest.fixture
def client(bench) -> AsyncClient:
    """Both kinds of client drive the same calls: one of them is enough here."""
    return bench.client


@pytest.fixture
def job(bench, step):
    return bench.flow("send", step("send"), input=Mail)


@pytest.fixture
def events():
    """The client's telemetry, as it happens."""
    seen: list[tuple[str, dict[str, object]]] = []
    names = [name for name in telemetry.EVENTS if name.startswith(("starter.", "run."))]
    telemetry.attach("test", names, lambda event, m, data: seen.append((event, {**m, **data})))
    yield seen
    telemetry.detach("test")


def due(bench) -> list[float]:
    """Seconds until each message is visible."""
    return [
        float(row[0])
        for row in bench.rows(
            "select extract(epoch from vt - clock_timestamp()) from pgmq.q_send order by msg_id"
        )
    ]


# Later


async def test_a_job_is_taken_up_after_its_delay(client, job, bench) -> None:
    for delay in (60, 60.5, timedelta(minutes=2), 0, -5):
        await client.enqueue_in(job, Mail(to="a"), delay)
    assert await client.enqueue(job, {"to": "b"})
    minute, more, two, *now = due(bench)
    assert 55 < minute <= 60
    assert 55 < more <= 60.5
    assert 115 < two <= 120
    assert len(now) == 3
    assert max(now) <= 0
    assert bench.work("send") == 3


@pytest.mark.parametrize(
    "zone", [UTC, ZoneInfo("Asia/Kathmandu"), timezone(timedelta(hours=-9, minutes=-30))], ids=str
)
async def test_a_time_of_any_timezone(client, job, bench, zone) -> None:
    at = datetime.now(zone) + timedelta(hours=1)
    await client.enqueue_at(job, Mail(to="a"), at)
    await client.enqueue_at(job, Mail(to="a"), at - timedelta(days=400))
    later, past = due(bench)
    assert 3590 < later <= 3600
    assert past <= 0


async def test_times_that_are_none(client, job, bench) -> None:
    with pytest.raises(InvalidTime, match="2030-01-01 00:00:00 is no time with a timezone"):
        await client.enqueue_at(job, {"to": "a"}, datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidTime, match="cannot begin at 9999-12-31"):
        await client.enqueue_at(job, {"to": "a"}, datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))))
    for delay in (float("nan"), float("inf"), 1e18, timedelta.max, "soon"):
        with pytest.raises(InvalidTime):
            await client.enqueue_in(job, {"to": "a"}, delay)
    assert bench.value("select count(*) from pgflow.runs") == 0


async def test_what_names_no_flow_and_what_is_no_list(client, job) -> None:
    with pytest.raises(InvalidInput, match="not by a NoneType"):
        await client.start_flow(None, {})
    with pytest.raises(InvalidInput, match="NUL"):
        await client.start_flow("send\x00", {})
    for inputs in ({"to": "a"}, "text", Mail(to="a")):
        with pytest.raises(InvalidInput, match="inputs are a list"):
            await client.start_flows(job, inputs)
    with pytest.raises(InvalidTime):
        await client.wait(await client.start_flow(job, {"to": "a"}), timeout=float("nan"))


# Again


async def test_a_delayed_start_may_be_repeated(client, job, bench) -> None:
    chosen = uuid.uuid4()
    for _ in range(2):
        assert await client.enqueue_in(job, Mail(to="a"), 60, run_id=chosen) == chosen
    assert len(due(bench)) == 1


async def test_two_starts_of_one_run_at_once_are_one(client, job, bench) -> None:
    chosen = uuid.uuid4()
    ids = await asyncio.gather(*(client.start_flow(job, {"to": "a"}, run_id=chosen) for _ in range(4)))
    assert set(ids) == {chosen}
    assert len(due(bench)) == 1


async def test_run_ids_are_checked(client, job) -> None:
    for method in (client.get_run, client.wait, client.cancel_run, client.list_step_tasks):
        with pytest.raises(InvalidRunId, match=r"^'no-id' is not a run id$"):
            await method("no-id")
    with pytest.raises(InvalidRunId):
        await client.start_flow(job, {"to": "a"}, run_id="")


# Many


async def test_thousands_start_at_once_in_order(client, job, bench) -> None:
    inputs = [Mail(to=f"{number}@shop.example") for number in range(2500)]
    ids = await client.start_flows(job, inputs)
    stored = dict(bench.rows("select run_id, input ->> 'to' from pgflow.runs"))
    assert [stored[run_id] for run_id in ids] == [mail.to for mail in inputs]
    assert await client.start_flows(job, []) == []


async def test_all_start_or_none(client, job, bench) -> None:
    good = [{"to": "a"}] * 1500
    with pytest.raises(InvalidInput, match=r"^inputs\[1500\]: input of flow 'send': to: Field required$"):
        await client.start_flows(job, [*good, {}])
    taken = await client.start_flow(job, {"to": "b"})
    ids = [*(uuid.uuid4() for _ in good), taken]
    with pytest.raises(RunExists, match=str(taken)):
        await client.start_flows(job, [*good, {"to": "other"}], run_ids=ids)
    assert bench.value("select count(*) from pgflow.runs") == 1
    for _ in range(2):
        assert await client.start_flows(job, [*good, {"to": "b"}], run_ids=ids) == ids
    assert bench.value("select count(*) from pgflow.runs") == 1501


async def test_ids_that_do_not_fit_the_inputs(client, job) -> None:
    with pytest.raises(InvalidInput, match="2 inputs and 1 run ids"):
        await client.start_flows(job, [{"to": "a"}] * 2, run_ids=[uuid.uuid4()])
    one = uuid.uuid4()
    with pytest.raises(InvalidInput, match="twice"):
        await client.start_flows(job, [{"to": "a"}] * 2, run_ids=[one, one])
    with pytest.raises(FlowNotFound) as caught:
        await client.start_flows("sent", [{}])
    assert caught.value.help == "did you mean 'send'?"


# A core that another project installed


async def test_a_foreign_core_can_do_it_too(client, job, bench) -> None:
    bench.rows("drop schema pgflowc cascade")
    chosen = uuid.uuid4()
    for _ in range(2):
        assert await client.enqueue_in(job, Mail(to="a"), 59.5, run_id=chosen) == chosen
    with pytest.raises(RunExists):
        await client.start_flow(job, Mail(to="b"), run_id=chosen)
    await client.enqueue_at(job, Mail(to="a"), datetime.now(UTC) + timedelta(hours=1))
    assert len(await client.start_flows(job, [{"to": "c"}] * 3)) == 3
    first, second, *others = due(bench)
    assert 55 < first <= 60
    assert 3590 < second <= 3601
    assert len(others) == 3


async def test_a_core_that_cannot_delay_says_so(client, job, bench) -> None:
    bench.rows("drop schema pgflowc cascade")
    bench.rows("drop function pgflow.delay_run")
    with pytest.raises(SchemaError, match="cannot start runs later") as caught:
        await client.enqueue_in(job, Mail(to="a"), 60)
    assert caught.value.help == "run `pgflowc db up`"


# Patience, and what is told


async def test_starts_are_told(client, job, events) -> None:
    run_id = await client.start_flow(job, {"to": "a"})
    assert [event for event, _ in events] == ["starter.attempt", "starter.success", "run.started"]
    assert events[0][1] == {"runs": 1, "flow_slug": "send"}
    assert events[2][1] == {"flow_slug": "send", "run_id": run_id}
    events.clear()
    with pytest.raises(FlowNotFound):
        await client.start_flow("nothing")
    assert [event for event, _ in events] == ["starter.attempt", "starter.permanent_failure"]
    assert "nothing" in str(events[1][1]["error"]) or "foreign key" in str(events[1][1]["error"])


async def test_a_patient_client_waits_for_the_database(connect, job, bench, events) -> None:
    name = bench.value("select current_database()")
    client = connect(bench.dsn, patience=20)
    admin = type(bench)(bench.dsn.replace(name, "postgres"))
    admin.rows(f"alter database {name} allow_connections false")
    starting = asyncio.create_task(client.start_flow(job, {"to": "a"}))
    await bench.until(lambda: any(event == "starter.retry" for event, _ in events))
    admin.rows(f"alter database {name} allow_connections true")
    assert await starting
    assert [event for event, _ in events][-2:] == ["starter.success", "run.started"]
    assert bench.value("select count(*) from pgflow.runs") == 1
    await client.close()


async def test_a_client_leaves_a_standby(connect, job, bench) -> None:
    def standby(mode: str) -> None:
        with psycopg.connect(bench.dsn, autocommit=True) as connection:
            connection.execute("set default_transaction_read_only = off")
            name = connection.info.dbname
            connection.execute(f"alter database {name} set default_transaction_read_only = {mode}")

    mail = Mail(to="ada@shop.example")
    standby("on")
    client = connect(bench.dsn)
    for start in (client.start_flow(job, mail), client.start_flows(job, [mail])):
        with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
            await start
    standby("off")
    # Each try leaves one connection to it.
    for start in (lambda: client.start_flow(job, mail), lambda: client.start_flows(job, [mail])):
        for tries_left in reversed(range(5)):
            try:
                await start()
                break
            except DatabaseUnavailable:
                assert tries_left
    assert bench.value("select count(*) from pgflow.runs") == 2
    await client.close()


async def test_patience_ends(connect, job) -> None:
    client = connect("host=/nonexistent dbname=shop", patience=0.2)
    with pytest.raises(DatabaseUnavailable):
        await client.start_flow(job, {"to": "a"})
    await client.close()


async def test_a_client_without_a_database(connect, job) -> None:
    client = connect()
    for call in (client.start_flow(job, {"to": "a"}), client.list_flows(), client.start_flow_sync("send")):
        with pytest.raises(ConfigurationError, match="has no database"):
            await call
    await client.close()


def test_clients_close_without_ever_having_opened() -> None:
    with Client() as client:
        assert isinstance(client, Client)
    asyncio.run(AsyncClient("dbname=x").close())
