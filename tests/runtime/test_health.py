"""The pages for Kubernetes and Prometheus, and the words for systemd."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import ConfigurationError, systemd
from pgflowc_runtime.health import HealthServer

REGISTRY = """
    import time
    from pgflowc_runtime import Flow, JsonValue, Registry, Step

    async def only(input, ctx):
        time.sleep(input)

    step = Step(slug="only", argument=JsonValue, output=JsonValue)
    options = {"max_attempts": 1, "base_delay": 0, "timeout": 60, "definition_hash": ""}
    registry = Registry()
    registry.add(Flow(slug="f", input=JsonValue, steps=(step,), **options), {"only": only})
"""


class Unready:
    """Something with faults."""

    def __init__(self, **faults: str) -> None:
        self.faults = faults

    def unready(self) -> dict[str, str]:
        return self.faults


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()


async def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """The same, beside the event loop."""
    return await asyncio.to_thread(get, port, path, method)


async def test_pages() -> None:
    worker = Unready()
    with HealthServer(worker, host="127.0.0.1", port=0) as server:
        assert await ask(server.port, "/livez") == (200, "ok\n")
        assert await ask(server.port, "/readyz?verbose") == (200, "ok\n")
        assert await ask(server.port, "/livez", "HEAD") == (200, "")
        assert await ask(server.port, "/") == (404, "there are /livez, /readyz, /metrics\n")
        worker.faults = {"listener": "not connected", "worker": "stopping"}
        assert await ask(server.port, "/readyz") == (503, "listener: not connected\nworker: stopping\n")
        assert (await ask(server.port, "/livez"))[0] == 200


async def test_an_address_may_be_of_version_6() -> None:
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
    with HealthServer(Unready(), host="::1", port=0) as server:
        assert server.port > 0


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with (
        HealthServer(Unready(), host="127.0.0.1", port=0) as server,
        pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{server.port}") as caught,
    ):
        HealthServer(Unready(), host="127.0.0.1", port=server.port)
    assert "--health-port" in caught.value.help


async def test_a_worker_is_ready_until_it_stops(bench, step) -> None:
    flow = bench.flow("f", step("only"))
    async with bench.working((flow, {"only": print})) as worker:
        await bench.until(lambda: worker.unready() == {})
        bench.rows("update pgflow.workers set deprecated_at = now()")
        worker._deprecated(frozenset({"f"}))
        assert worker.unready()["flows"] == "deprecated for f"
    assert worker.unready()["worker"] == "stopped"


@pytest.mark.parametrize("how", ["notify", "polling"])
async def test_a_worker_is_unready_while_its_database_is_away(bench, step, how: str) -> None:
    flow = bench.flow("f", step("only"))
    parts = psycopg.conninfo.conninfo_to_dict(bench.dsn)
    name = parts["dbname"]
    gate = psycopg.sql.SQL("alter database {} with allow_connections {}")
    elsewhere = psycopg.conninfo.make_conninfo("", **{**parts, "dbname": "postgres"})
    options = {
        "signal": how,
        "min_poll_interval": 20,
        "max_poll_interval": 50,
        "notify_fallback_interval": 50,
    }
    with psycopg.connect(elsewhere, autocommit=True) as admin:
        async with bench.working((flow, {"only": print}), **options) as worker:
            await bench.until(lambda: worker.unready() == {})
            admin.execute(gate.format(psycopg.sql.Identifier(name), psycopg.sql.SQL("false")))
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
            await bench.until(lambda: worker.unready().get("database") == "does not answer")
            assert ("listener" in worker.unready()) == (how == "notify")
            admin.execute(gate.format(psycopg.sql.Identifier(name), psycopg.sql.SQL("true")))
            await bench.until(lambda: worker.unready() == {})


async def test_a_process_with_pages_and_a_blocked_loop(bench, step, app, worker_process) -> None:
    bench.flow("f", step("only"), timeout=60)
    worker = worker_process(
        app(REGISTRY), bench.dsn, "--health-port", "0", "--health-host", "127.0.0.1", "--log-format", "simple"
    )
    worker.until_logged("serves f")
    [port] = re.findall(r"are on port (\d+)", worker.log)
    await bench.until(lambda: get(int(port), "/readyz") == (200, "ok\n"))
    status, text = get(int(port), "/metrics")
    assert status == 200
    assert "pgflowc_worker_up 1.0" in text.splitlines()

    # The database goes away: not ready, but alive, so that nobody restarts it; ready again by itself.
    parts = psycopg.conninfo.conninfo_to_dict(bench.dsn)
    gate = psycopg.sql.SQL("alter database {} with allow_connections {}")
    name = psycopg.sql.Identifier(parts["dbname"])
    elsewhere = psycopg.conninfo.make_conninfo("", **{**parts, "dbname": "postgres"})
    with psycopg.connect(elsewhere, autocommit=True) as admin:
        admin.execute(gate.format(name, psycopg.sql.SQL("false")))
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [parts["dbname"]]
        )
        await bench.until(lambda: get(int(port), "/readyz")[0] == 503)
        assert "listener: not connected" in get(int(port), "/readyz")[1].splitlines()
        assert get(int(port), "/livez") == (200, "ok\n")
        admin.execute(gate.format(name, psycopg.sql.SQL("true")))
    await bench.until(lambda: get(int(port), "/readyz") == (200, "ok\n"))

    await bench.client.start_flow("f", 30)
    await bench.until(lambda: get(int(port), "/livez")[0] == 503)
    assert get(int(port), "/readyz") == (
        503,
        "loop: the event loop does not turn: a handler blocks it (the log says which)\n",
    )
    worker.until_logged("handler f.only has been blocking the event loop")
    assert "time.sleep(input)" in worker.log
    assert "worker=app" in worker.log


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A socket like systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


async def test_systemd_hears_of_start_life_and_stop(
    bench, step, app, worker_process, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    bench.flow("f", step("only"), timeout=60)
    worker = worker_process(app(REGISTRY), bench.dsn)
    heard = [await asyncio.to_thread(manager.recv, 100) for _ in range(3)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    worker.signal(signal.SIGTERM)
    while (last := await asyncio.to_thread(manager.recv, 100)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"
    assert worker.wait() == 0


async def test_systemds_watchdog_hears_from_the_loop(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with systemd.ready():
        heard = [await asyncio.to_thread(manager.recv, 100) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    began = time.monotonic()
    systemd.notify("READY=1")
    assert time.monotonic() - began < 5
