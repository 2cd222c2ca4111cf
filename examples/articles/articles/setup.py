"""Creates the application's own table: `python -m articles.setup`. Run it as often as you like."""

from __future__ import annotations

import psycopg

from articles import settings


def create_tables(dsn: str) -> None:
    """Apply schema.sql in one transaction; what is there already stays as it is."""
    with psycopg.connect(dsn) as connection:
        connection.execute(settings.SCHEMA.read_bytes())


if __name__ == "__main__":
    create_tables(settings.database_dsn())
