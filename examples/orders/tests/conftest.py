"""What the shop's tests have in common: a mail server, and a look into the tables."""

from __future__ import annotations

import mailbox
import socket
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from psycopg.rows import dict_row


class MailServer(Controller):
    """A real SMTP server that delivers into a directory. It does not run before `start()`."""

    def __init__(self, inbox: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        super().__init__(Mailbox(inbox), hostname="127.0.0.1", port=port)
        self._inbox = inbox

    @property
    def address(self) -> str:
        """host:port"""
        return f"{self.hostname}:{self.port}"

    def received(self) -> list[Message]:
        """What was delivered so far."""
        return list(mailbox.Maildir(self._inbox))


@pytest.fixture
def mail_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The mail server that the shop sends to, not yet running."""
    server = MailServer(tmp_path / "mail")
    monkeypatch.setenv("SHOP_SMTP", server.address)
    yield server
    server.stop(no_assert=True)


@pytest.fixture
def rows(pgflowc_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, Any]]]:
    """Asks this test's database, which is the shop's as well."""
    monkeypatch.delenv("SHOP_DSN", raising=False)

    def ask(query: str) -> list[dict[str, Any]]:
        with psycopg.connect(pgflowc_dsn, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    return ask
