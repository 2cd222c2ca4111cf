"""Where the application finds its files and its database."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
"""The directory that relative article directories start from."""


def database_dsn() -> str:
    """DSN of the database with the table `articles`: ARTICLES_DSN, else the worker's own (PGFLOWC_DSN).

    Empty when neither is set, which makes libpq read its own PG* variables.
    """
    return os.environ.get("ARTICLES_DSN") or os.environ.get("PGFLOWC_DSN") or ""
