"""pgflow.is_local (contract, section 6)."""

from __future__ import annotations

SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"


def test_only_the_published_secret_is_local(core) -> None:
    assert core.value("select pgflow.is_local()") is False
    for secret, local in ((SECRET, True), (SECRET.upper(), False), ("", False)):
        core.do("select set_config('app.settings.jwt_secret', %s, false)", secret)
        assert core.value("select pgflow.is_local()") is local
