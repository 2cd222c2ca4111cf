"""pgflow.setup_requeue_stalled_tasks_cron (contract, section 11), with just enough of pg_cron."""

from __future__ import annotations

import psycopg
import pytest


def test_without_pg_cron_the_helpers_say_so(core) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="pg_cron is not installed"):
        core.do("select pgflow.setup_requeue_stalled_tasks_cron()")
