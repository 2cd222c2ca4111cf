"""pgflow.ensure_workers: the starter (contract, section 11), with just enough of pg_net."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest


def test_functions_without_a_worker_are_pinged(core) -> None:
    core.install_net()
    for name in ("idle", "busy", "off"):
        core.do("select pgflow.track_worker_function(%s)", name)
    core.do("select pgflow.track_worker_function('own', 'process')")
    core.do("update pgflow.worker_functions set enabled = false where function_name = 'off'")
    core.do("select pgflow.register_worker(%s, 'f', 'busy')", uuid4())
    stopped = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'idle')", stopped)
    core.do("select pgflow.mark_worker_stopped(%s)", stopped)
    (pinged,) = core.rows("select * from pgflow.ensure_workers()")
    assert (pinged["function_name"], pinged["invoked"]) == ("idle", True)
    request = core.row("select * from net.requests")
    assert request["url"] == "https://abc.supabase.co/functions/v1/idle"
    assert request["headers"]["Authorization"] == "Bearer key"
    assert core.rows("select * from pgflow.ensure_workers()") == []


def test_a_local_stack_pings_the_local_gateway(core) -> None:
    core.install_net()
    core.do("set app.settings.jwt_secret = 'super-secret-jwt-token-with-at-least-32-characters-long'")
    core.do("select pgflow.track_worker_function('w')")
    assert len(core.rows("select * from pgflow.ensure_workers()")) == 1
    assert core.value("select url from net.requests") == "http://kong:8000/functions/v1/w"


def test_without_pg_net_the_starter_says_so(core) -> None:
    assert core.rows("select * from pgflow.ensure_workers()") == []
    core.do("select pgflow.track_worker_function('w')")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="pg_net is not installed"):
        core.do("select pgflow.ensure_workers()")
