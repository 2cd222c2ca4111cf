"""mypy knows what a flow takes: of a right program it says nothing, of each wrong call it names the line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from pgflowc_runtime import AsyncClient, Client, Flow, Payload, Run, RunEvent, RunPage


class Order(Payload):
    number: int


class Mail(Payload):
    to: str


Orders: Final[Flow[Order]] = Flow(
    slug="orders", input=Order, max_attempts=1, base_delay=1, timeout=1, definition_hash="", steps=()
)
Numbers: Final[Flow[list[int]]] = Flow(
    slug="numbers", input=list[int], max_attempts=1, base_delay=1, timeout=1, definition_hash="", steps=()
)


def right(client: Client) -> None:
    started: UUID = client.start_flow(Orders, Order(number=1))
    client.start_flow(Orders, {"number": 1}, run_id=str(uuid4()))
    client.start_flow(Numbers, [1, 2])
    client.start_flow("orders")
    client.start_flow("orders", [Order(number=1), 2])
    ids: list[UUID] = client.start_flows(Orders, [Order(number=1), Order(number=2)])
    client.start_flows("orders", [1, "a", None])
    client.enqueue(Orders, Order(number=1), connection=object())
    client.enqueue_in(Orders, Order(number=1), timedelta(hours=1))
    client.enqueue_at("orders", 1, datetime.now(UTC))
    run: Run = client.start_flow_sync(Orders, Order(number=1), timeout=3)
    page: RunPage = client.list_runs(Orders, kind="job", after="x")
    runs: list[Run] = [*page]
    names: list[str] = [event.name for event in client.watch(started, *ids)]


async def right_too(client: AsyncClient) -> None:
    started: UUID = await client.start_flow(Orders, Order(number=1))
    await client.enqueue_in(Numbers, [1], 5)
    await client.start_flow_sync("orders")
    async with client.watch(started) as watcher:
        events: list[RunEvent] = [event async for event in watcher]


def wrong(client: Client) -> None:
    client.start_flow(Orders, Mail(to="x"))  # wrong
    client.start_flow(Orders)  # wrong
    client.start_flow(Orders, [1])  # wrong
    client.start_flow(Numbers, ["a"])  # wrong
    client.start_flows(Orders, [Order(number=1), Mail(to="x")])  # wrong
    client.enqueue(Orders, Mail(to="x"))  # wrong
    client.enqueue_in(Orders, Mail(to="x"), 5)  # wrong
    client.enqueue_at(Orders, Order(number=1), 5)  # wrong
    client.start_flow_sync(Orders, 7)  # wrong
    client.list_runs(status="done")  # wrong


async def wrong_too(client: AsyncClient) -> None:
    await client.start_flow(Orders, Mail(to="x"))  # wrong
    await client.start_flows(Numbers, [1])  # wrong
    await client.enqueue_in(Orders, Mail(to="x"), 5)  # wrong
    await client.start_flow_sync(Orders, Mail(to="x"))  # wrong
"""


def test_mypy_checks_every_starting_call(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={tmp_path}/cache",
            "program.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(Path(__file__).parents[2] / "runtime")},
        capture_output=True,
        text=True,
    )
    found = {int(line) for line in re.findall(r"^program\.py:(\d+): error", done.stdout, re.MULTILINE)}
    wanted = {number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wanted, done.stdout + done.stderr
