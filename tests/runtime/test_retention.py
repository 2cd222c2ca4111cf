"""Workers delete runs that their flow keeps no longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pgflowc_runtime import telemetry, upkeep


async def test_workers_delete_what_is_older_than_its_retention(
    bench, step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_FIRST_PRUNE_SECONDS", 0.0)
    monkeypatch.setattr(upkeep, "_NEXT_BATCH_SECONDS", 0.01)
    monkeypatch.setattr(upkeep, "_PRUNED_AT_ONCE", 10)
    flow, kept = bench.flow("short", step("only")), bench.flow("kept", step("only"))
    for slug in ("short", "kept"):
        await bench.client.start_flows(slug, [{}] * 25)
        assert bench.work(slug) == 25
    bench.rows("select pgflowc.set_retention('short', '1 hour', null)")
    bench.rows(
        "update pgflow.runs set started_at = now() - interval '1 day', completed_at = now() - interval '2 h'"
    )
    pruned: list[tuple[Any, Any]] = []
    telemetry.attach(
        "pruned",
        ["runs.pruned"],
        lambda _, numbers, about: pruned.append((about["flow_slug"], dict(numbers))),
    )
    metrics = pytest.importorskip("pgflowc_runtime.telemetry.prometheus").Metrics()
    metrics.attach()
    try:
        async with bench.working((flow, {"only": _nothing})), bench.working((kept, {"only": _nothing})):
            await bench.until(lambda: sum(numbers["runs"] for _, numbers in pruned) == 25)
    finally:
        metrics.detach()
        telemetry.detach("pruned")
    assert {slug for slug, _ in pruned} == {"short"}
    assert [numbers["runs"] for _, numbers in pruned] == [10, 10, 5]
    assert 'pgflowc_pruned_runs_total{flow="short"} 25.0' in metrics.render()[1]
    assert bench.rows("select flow_slug, count(*) from pgflow.runs group by 1") == [("kept", 25)]


async def _nothing(input: Any, ctx: Any) -> Any:
    await asyncio.sleep(0)
