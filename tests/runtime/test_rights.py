"""The rights that docs/worker.md lists are enough for a worker; without the last one it polls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "worker.md"


@pytest.fixture
def role(bench) -> Iterator[str]:
    """A role without rights."""
    role = f"worker_{bench.value('select current_database()')}"
    bench.rows(f"create role {role} login")
    yield role
    bench.rows(f"drop owned by {role}")
    bench.rows(f"drop role {role}")


def documented(role: str) -> list[str]:
    """The grants of the documentation, for this role."""
    [block] = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for line in block.replace("shop_worker", role).splitlines() if not line.startswith("--")]
    return " ".join(lines).strip(" ;").split(";")


@pytest.mark.parametrize("may_add_triggers", [True, False])
async def test_a_worker_with_the_documented_rights(
    bench, step, role: str, may_add_triggers: bool, caplog
) -> None:
    flow = bench.flow("guest", step("first"), step("second", "first", max_attempts=2))
    for grant in documented(role):
        if may_add_triggers or "grant trigger" not in grant:
            bench.rows(grant)

    def second(deps, ctx):
        assert ctx.attempt == 2, "the first attempt fails"

    guest = type(bench)(psycopg.conninfo.make_conninfo(bench.dsn, user=role))
    handlers = {"first": lambda input, ctx: input, "second": second}
    async with guest.working((flow, handlers), min_poll_interval=50, recovery_interval=50):
        assert (await bench.run(flow)).status == "completed"
        triggers = bench.value("select count(*) from pg_trigger where tgname = 'pgflowc_wakeup'")
    assert triggers == int(may_add_triggers)
    assert any("polling instead" in message for message in caplog.messages) is not may_add_triggers
    assert not [
        message for message in caplog.messages if "permission denied for" in message and may_add_triggers
    ]
