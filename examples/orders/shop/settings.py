"""Where the shop finds its database and its mail server."""

from __future__ import annotations

import os

MAIL_FROM = "Tea & Kettle <orders@shop.example>"


def database_dsn() -> str:
    """DSN of the database with the shop's tables: SHOP_DSN, else the one that the worker uses (PGFLOWC_DSN).

    Empty when neither is set, which makes libpq read its own PG* variables.
    """
    return os.environ.get("SHOP_DSN") or os.environ.get("PGFLOWC_DSN") or ""


def smtp_server() -> tuple[str, int]:
    """Host and port of the mail server: SHOP_SMTP (`host:port`), else aiosmtpd's default, localhost:8025."""
    host, _, port = os.environ.get("SHOP_SMTP", "localhost:8025").rpartition(":")
    return host, int(port)
