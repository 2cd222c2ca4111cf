"""The programs of docs/client.md run as written and print what the page says; its grants are enough."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgflowc_runtime import Client, SchemaError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
OUTPUTS = {"items": [], "list_items": [], "reserve_items": {}, "send_email": {}}


@pytest.fixture
def working(bench) -> Iterator[None]:
    """Somebody who completes what runs of process_order have to do."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.02):
            bench.work("process_order", OUTPUTS)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stopped.set()
    thread.join()


@pytest.fixture
def shop(bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The flows of the orders example."""
    for migration in sorted((ROOT / "examples" / "orders" / "migrations").glob("*_create_*.sql")):
        if not migration.name.endswith(".down.sql"):
            with psycopg.connect(bench.dsn, autocommit=True) as connection:
                connection.execute(migration.read_bytes())
    monkeypatch.syspath_prepend(ROOT / "examples" / "orders")
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_every_program_prints_what_it_says(bench, shop, working, capsys) -> None:
    namespace: dict[str, Any] = {}
    programs = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(programs) >= 9
    try:
        for program in programs:
            source = program.replace('"postgresql:///shop"', repr(bench.dsn))
            exec(compile(source, "docs/client.md", "exec"), namespace)
            printed = capsys.readouterr().out.splitlines()
            wanted = re.findall(r"^ *print\(.*\)  # (.*)$", program, re.MULTILINE)
            assert [line for line in printed if line in wanted] == wanted, printed
    finally:
        namespace["client"].close()


def test_the_documented_rights_are_enough(bench, step, new_role) -> None:
    role = new_role()
    flow = bench.flow("guest", step("items"), step("each", "items", kind="map"))
    [block] = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    guest = Client(make_conninfo(bench.dsn, user=role))
    with pytest.raises(SchemaError, match="this role may not do that") as caught:
        guest.start_flow(flow, {})
    assert "docs/client.md" in caught.value.help
    for grant in block.replace("shop_web", role).strip(" ;\n").split(";"):
        bench.rows(grant)
    guest.check_schema()
    run_id = guest.start_flow(flow, {})
    guest.enqueue_in(flow, {}, 60)
    guest.start_flows(flow, [{}] * 2)
    assert guest.cancel_run(run_id)
    assert guest.retry_run(run_id)
    with guest.watch(run_id) as watcher:
        assert next(watcher).name == "snapshot"
        assert bench.value("select count(*) from pgflow.event_listeners") == 1
        bench.work("guest", {"items": []})
        assert [event.name for event in watcher][-1] == "run:completed"
    assert guest.health_check().components
    guest.close()
