"""The example `orders`: a payment that fails before it works, and mail that is really delivered."""

from __future__ import annotations

import json
import mailbox
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from email.message import Message
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

DEADLINE_SECONDS = 30
ORDER = {
    "order_id": 7,
    "email": "ada@shop.example",
    "card": "tok_flaky",
    "channel": "web",
    "items": [{"sku": "mug", "quantity": 2}, {"sku": "kettle", "quantity": 1}, {"sku": "mug", "quantity": 1}],
}


class MailServer:
    """A real SMTP server (aiosmtpd) that delivers into a directory. It does not run before `running()`."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    @property
    def address(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self._port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server, accepting connections."""
        command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", self.address]
        with subprocess.Popen([*command, "-c", "aiosmtpd.handlers.Mailbox", str(self._inbox)]) as server:
            try:
                until(lambda: self._listens() or server.poll() is not None)
                assert server.poll() is None
                yield
            finally:
                server.kill()

    def received(self) -> list[Message]:
        """What was delivered so far."""
        return list(mailbox.Maildir(self._inbox))

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@pytest.fixture
def mail_server(tmp_path: Path) -> MailServer:
    return MailServer(tmp_path / "mail")


def until(condition: Callable[[], object]) -> None:
    """Look until the condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def rows(dsn: str, query: str) -> list[dict[str, Any]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(query.encode()).fetchall()


def mail_runs_ended(dsn: str) -> bool:
    return not rows(dsn, "select from pgflow.runs where status = 'started'")


def test_an_order_is_charged_at_the_third_attempt_and_confirmed_by_mail(
    migrated: Callable[..., Any], mail_server: MailServer, core_dsn: str
) -> None:
    shop = migrated("orders", SHOP_SMTP=mail_server.address)
    with mail_server.running(), shop.worker():
        run = shop.run("process_order", ORDER)
        until(lambda: mail_runs_ended(core_dsn))

    assert run["status"] == "completed"
    total = Decimal("39.90") + 3 * Decimal("9.50")

    attempts = rows(core_dsn, "select step_slug, attempts_count, error_message from pgflow.step_tasks")
    charge = next(task for task in attempts if task["step_slug"] == "charge")
    assert charge["attempts_count"] == 3
    assert "503 from the payment gateway" in charge["error_message"]
    assert all(task["attempts_count"] == 1 for task in attempts if task["step_slug"] != "charge")

    assert rows(core_dsn, "select requests, amount from shop.gateway_requests") == [
        {"requests": 3, "amount": total}
    ]
    [order] = rows(core_dsn, "select * from shop.orders")
    assert (order["order_id"], order["total"], order["channel"], order["note"]) == (7, total, "web", None)
    assert rows(core_dsn, "select sku, stock from shop.products where stock < 500 order by sku") == [
        {"sku": "kettle", "stock": 499},
        {"sku": "mug", "stock": 497},
    ]

    [mail] = mail_server.received()
    assert mail["To"] == "ada@shop.example"
    assert mail["Subject"] == "Your order 7"
    assert mail["Message-ID"] == f"<{order['mail_run_id']}@shop.example>"
    assert run["output"]["confirm"] == {"order_id": 7, "mail_run_id": str(order["mail_run_id"])}
    assert f"Charged to your card: {total} EUR" in mail.get_payload()


def test_an_order_that_comes_twice_is_charged_and_mailed_once(
    migrated: Callable[..., Any], mail_server: MailServer, core_dsn: str
) -> None:
    shop = migrated("orders", SHOP_SMTP=mail_server.address)
    order = {**ORDER, "card": "tok_visa"}
    with mail_server.running(), shop.worker():
        first = shop.run("process_order", order)
        second = shop.run("process_order", order)
        until(lambda: mail_runs_ended(core_dsn))

    assert first["run_id"] != second["run_id"]
    assert first["output"] == second["output"]
    assert len(rows(core_dsn, "select charge_id from shop.gateway_requests")) == 1
    assert rows(core_dsn, "select stock from shop.products where sku = 'mug'") == [{"stock": 497}]
    assert len(mail_server.received()) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"items": [{"sku": "unicorn", "quantity": 1}]}, "no such product: unicorn"),
        ({"items": []}, "an order needs at least one item"),
        ({"items": [{"sku": "mug", "quantity": -1}]}, "a quantity is at least 1"),
    ],
)
def test_a_wrong_order_fails_at_once_and_leaves_nothing_behind(
    migrated: Callable[..., Any], core_dsn: str, change: dict[str, Any], reason: str
) -> None:
    shop = migrated("orders")
    with shop.worker():
        run = shop.run("process_order", {**ORDER, **change})

    assert run["status"] == "failed"
    assert reason in run["error"]
    [task] = rows(core_dsn, "select step_slug, attempts_count from pgflow.step_tasks")
    assert task == {"step_slug": "validate", "attempts_count": 1}
    for table in ("orders", "reservations", "gateway_requests"):
        assert rows(core_dsn, f"select * from shop.{table}") == []


def test_mail_waits_for_a_server_that_is_down(
    migrated: Callable[..., Any], mail_server: MailServer, core_dsn: str, tmp_path: Path
) -> None:
    shop = migrated("orders", SHOP_SMTP=mail_server.address)
    text = {"to": "joan@shop.example", "subject": "Grüße", "body": "Der Tee ist da. 茶\n"}
    letter = tmp_path / "letter.json"
    letter.write_text(json.dumps(text), encoding="utf-8")
    failed = "select from pgflow.step_tasks where status = 'queued' and error_message is not null"
    with shop.worker():
        shop.pgflowc("start", "send_email", "--input", f"@{letter}")
        until(lambda: rows(core_dsn, failed))
        with mail_server.running():
            until(lambda: mail_runs_ended(core_dsn))

    [mail] = mail_server.received()
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode() == text["body"]
    [task] = rows(core_dsn, "select status, output from pgflow.step_tasks")
    assert task["status"] == "completed"
    assert task["output"] == {"message_id": mail["Message-ID"], "server": mail_server.address}
