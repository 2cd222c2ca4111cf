"""What applies migrations of each format."""

from __future__ import annotations

from collections.abc import Mapping

from pgflowc.settings import MigrationFormat

# `db up` installs what the migrations call whoever applies them.
APPLY: Mapping[MigrationFormat, str] = {
    "plain": "pgflowc db up",
    "supabase": "pgflowc db up && supabase db push",
    "dbmate": "pgflowc db up && dbmate up",
    "alembic": "pgflowc db up && alembic upgrade head",
}
