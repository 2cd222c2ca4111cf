"""Runs started on the caller's own connection begin with the caller's commit, or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from pgflowc_runtime import (
    AsyncClient,
    Client,
    ConfigurationError,
    FlowNotFound,
    InvalidInput,
    Payload,
    RunExists,
    SchemaError,
)


class Order(Payload):
    number: int


@pytest.fixture
def flow(bench, step):
    bench.rows("create table orders (number int)")
    return bench.flow("orders", step("check"), input=Order)


def counts(bench) -> tuple[int, int]:
    """Orders and runs."""
    return bench.value("select count(*) from orders"), bench.value("select count(*) from pgflow.runs")


def every_start(client: Client, flow: Any, connection: Any) -> list[Any]:
    """What each starting method returns."""
    return [
        client.start_flow(flow, Order(number=1), connection=connection),
        client.start_flow(flow, {"number": 2}, run_id=uuid.uuid4(), connection=connection),
        client.enqueue(flow, {"number": 3}, connection=connection),
        client.enqueue_in(flow, {"number": 4}, 60, connection=connection),
        *client.start_flows(flow, [{"number": 5}, {"number": 6}], connection=connection),
    ]


async def every_async_start(client: AsyncClient, flow: Any, connection: Any) -> list[Any]:
    return [
        await client.start_flow(flow, Order(number=1), connection=connection),
        await client.start_flow(flow, {"number": 2}, run_id=uuid.uuid4(), connection=connection),
        await client.enqueue(flow, {"number": 3}, connection=connection),
        await client.enqueue_in(flow, {"number": 4}, 60, connection=connection),
        *await client.start_flows(flow, [{"number": 5}, {"number": 6}], connection=connection),
    ]


INSERT = "insert into orders values (7)"


def test_psycopg(bench, flow) -> None:
    client = Client()
    # Whatever rows and cursors the caller is used to.
    rows = psycopg.rows.namedtuple_row
    with psycopg.connect(bench.dsn, row_factory=rows, cursor_factory=psycopg.RawCursor) as connection:
        for ended, expected in ((connection.rollback, (0, 0)), (connection.commit, (1, 6))):
            connection.execute(INSERT)
            ids = every_start(client, flow, connection)
            assert counts(bench) == (0, 0)
            ended()
            assert counts(bench) == expected
    assert sorted(ids) == sorted(row[0] for row in bench.rows("select run_id from pgflow.runs"))


async def test_async_psycopg(bench, flow) -> None:
    client = AsyncClient()
    async with await psycopg.AsyncConnection.connect(bench.dsn) as connection:
        for ended, expected in ((connection.rollback, (0, 0)), (connection.commit, (1, 6))):
            await connection.execute(INSERT)
            await every_async_start(client, flow, connection)
            assert counts(bench) == (0, 0)
            await ended()
            assert counts(bench) == expected


def url(dsn: str) -> sqlalchemy.URL:
    parts = conninfo_to_dict(dsn)
    query = {name: str(parts[name]) for name in ("host", "port") if name in parts}
    return sqlalchemy.URL.create(
        "postgresql+psycopg", username=str(parts.get("user")), database=str(parts["dbname"]), query=query
    )


@pytest.fixture
def engine(bench) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(url(bench.dsn))
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    "connect",
    [
        lambda engine: Session(engine),
        lambda engine: scoped_session(sessionmaker(engine)),
        sqlalchemy.Engine.connect,
    ],
    ids=["session", "scoped session", "connection"],
)
def test_sqlalchemy(bench, flow, engine, connect) -> None:
    client = Client()
    connection = connect(engine)
    for ended, expected in ((connection.rollback, (0, 0)), (connection.commit, (1, 6))):
        connection.execute(sqlalchemy.text(INSERT))
        every_start(client, flow, connection)
        assert counts(bench) == (0, 0)
        ended()
        assert counts(bench) == expected
    with pytest.raises(FlowNotFound, match="no flow 'nothing'"):
        client.start_flow("nothing", connection=connection)
    connection.rollback()
    connection.close()


async def test_async_sqlalchemy(bench, flow) -> None:
    client = AsyncClient()
    engine = create_async_engine(url(bench.dsn))
    async with AsyncSession(engine) as session, engine.connect() as plain:
        for connection in (session, plain):
            await connection.execute(sqlalchemy.text(INSERT))
            await every_async_start(client, flow, connection)
            await connection.rollback()
            assert counts(bench) == (0, 0)
        for connection, expected in ((session, (1, 6)), (plain, (2, 12))):
            await connection.execute(sqlalchemy.text(INSERT))
            await every_async_start(client, flow, connection)
            await connection.commit()
            assert counts(bench) == expected
        with pytest.raises(FlowNotFound):
            await client.start_flow("nothing", connection=plain)
    await engine.dispose()


@pytest.fixture
def django_connection(bench) -> Iterator[Any]:
    """What `django.db.connection` is, for a database of the alias `shop`."""
    import django
    from django.conf import settings
    from django.db import ConnectionHandler, connections
    from django.utils.connection import ConnectionProxy

    if not settings.configured:
        settings.configure(DATABASES={}, USE_TZ=True)
        django.setup()
    parts = conninfo_to_dict(bench.dsn)
    keys = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
    mine = {name: parts[key] for name, key in keys.items() if key in parts}
    mine["ENGINE"] = "django.db.backends.postgresql"
    connections.settings["shop"] = ConnectionHandler({"default": {}, "shop": mine}).settings["shop"]
    yield ConnectionProxy(connections, "shop")
    connections["shop"].close()
    del connections["shop"]


def test_django(bench, flow, django_connection) -> None:
    from django.db import transaction
    from django.db.utils import DatabaseError

    client = Client()
    with transaction.atomic("shop"):
        django_connection.cursor().execute(INSERT)
        every_start(client, flow, django_connection)
        transaction.set_rollback(True, "shop")
    assert counts(bench) == (0, 0)
    with transaction.atomic("shop"):
        django_connection.cursor().execute(INSERT)
        every_start(client, flow, django_connection)
        assert counts(bench) == (0, 0)
    assert counts(bench) == (1, 6)
    with pytest.raises(FlowNotFound), transaction.atomic("shop"):
        client.start_flow("nothing", connection=django_connection)
    # What we have no better word for comes as Django says it.
    bench.rows("alter table pgflow.runs add constraint odd check (input ->> 'number' <> '13')")
    with pytest.raises(DatabaseError), transaction.atomic("shop"):
        client.start_flow(flow, {"number": 13}, connection=django_connection)


def test_an_error_names_what_is_wrong_in_the_callers_transaction(bench, flow) -> None:
    client, chosen = Client(), uuid.uuid4()
    with psycopg.connect(bench.dsn) as connection:
        client.start_flow(flow, {"number": 1}, run_id=chosen, connection=connection)
        assert client.start_flow(flow, {"number": 1}, run_id=chosen, connection=connection) == chosen
        # Judged before anything is sent, so that the transaction can go on.
        with pytest.raises(InvalidInput):
            client.start_flow(flow, {"number": "x"}, connection=connection)
        connection.commit()
        with pytest.raises(RunExists, match=f"run {chosen} exists, with another input"):
            client.start_flow(flow, {"number": 2}, run_id=chosen, connection=connection)
        connection.rollback()
        with pytest.raises(FlowNotFound, match="no flow 'nothing' in this database"):
            client.start_flow("nothing", connection=connection)


def test_a_database_without_core_on_the_callers_connection(empty_dsn) -> None:
    with psycopg.connect(empty_dsn) as connection, pytest.raises(SchemaError, match="not installed"):
        Client().start_flow("x", connection=connection)


async def test_a_connection_of_the_wrong_kind(bench, flow, engine) -> None:
    with psycopg.connect(bench.dsn) as connection:
        with pytest.raises(
            ConfigurationError, match=r"takes a psycopg AsyncConnection.* not a psycopg"
        ) as caught:
            await AsyncClient().start_flow(flow, {"number": 1}, connection=connection)
        assert caught.value.help == "Client takes it"
        with pytest.raises(ConfigurationError, match=r"not a psycopg\.Cursor"):
            Client().start_flow(flow, {"number": 1}, connection=connection.cursor())
    async with await psycopg.AsyncConnection.connect(bench.dsn) as connection:
        with pytest.raises(ConfigurationError) as caught:
            Client().start_flow(flow, {"number": 1}, connection=connection)
        assert caught.value.help == "AsyncClient takes it"
    with pytest.raises(ConfigurationError, match=r"not a sqlalchemy\.engine\.base\.Engine"):
        Client().start_flow(flow, {"number": 1}, connection=engine)
