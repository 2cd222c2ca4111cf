"""A core that has read, start, complete and fail, and no more: two workers carry whole flows through it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pgflowc_runtime import Context, PermanentFailure

RUNS = 20

# What no other member of the family has, or has under another name. The contract's functions stay, with what
# they call themselves (names with an underscore, and the cascades).
_KEPT = """
    create_flow add_step start_flow start_ready_steps start_tasks complete_task fail_task set_vt_batch
    calculate_retry_delay maybe_complete_run cascade_complete_taskless_steps cascade_resolve_conditions
    is_valid_slug track_worker_function mark_worker_stopped
"""
_REDUCE = """
    do $$
    declare v_function regprocedure;
    begin
      for v_function in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'pgflow'::regnamespace and p.proname !~ '^_' and p.proname <> all (KEPT)
      loop
        execute 'drop function ' || v_function;
      end loop;
    end;
    $$
"""


@pytest.fixture
def foreign(bench, step) -> Any:
    """The flow of this test, in a database that is reduced to the interface."""
    flow = bench.flow(
        "foreign",
        step("items"),
        step("each", "items", kind="map", max_attempts=3),
        step("sum", "each"),
        input=dict[str, int],
    )
    bench.rows("drop schema pgflowc cascade")
    bench.rows(_REDUCE.replace("KEPT", f"'{{{','.join(_KEPT.split())}}}'::text[]"))
    return flow


def names_its_queue(bench) -> None:
    """Leave the claim of four arguments alone, as later versions of the core do."""
    body = bench.value("select pg_get_functiondef('pgflow.start_tasks(text, bigint[], uuid)'::regprocedure)")
    bench.rows("drop function pgflow.start_tasks(text, bigint[], uuid, text)")
    bench.rows("drop function pgflow.start_tasks(text, bigint[], uuid)")
    bench.rows(body.replace("worker_id uuid)", "worker_id uuid, queue_name text)", 1))


@pytest.mark.parametrize("arguments", [3, 4])
async def test_two_workers_carry_flows_through_it(bench, foreign, arguments: int) -> None:
    if arguments == 4:
        names_its_queue(bench)
    executed: Counter[tuple[Any, ...]] = Counter()

    def begin(ctx: Context[Any]) -> None:
        executed[ctx.run_id, ctx.step_slug, ctx.task_index, ctx.attempt] += 1

    async def items(input: Any, ctx: Context[Any]) -> list[int]:
        begin(ctx)
        return [input["n"], 0, 2]

    async def each(item: int, ctx: Context[Any]) -> int:
        begin(ctx)
        if item == 0 and ctx.attempt == 1:
            raise ConnectionError("once more")
        if item == 7:
            raise PermanentFailure("no use")
        return item * 2

    handlers = {"items": items, "each": each, "sum": lambda deps, ctx: sum(deps["each"])}
    polls = {"signal": "polling", "min_poll_interval": 20, "max_poll_interval": 100}
    async with (
        bench.working((foreign, handlers), **polls),
        bench.working((foreign, handlers), **polls),
    ):
        ids = [await bench.client.start_flow(foreign, {"n": n}) for n in range(1, RUNS + 1)]
        runs = [await bench.client.wait(run_id, timeout=30) for run_id in ids]
    failed = runs.pop(6)
    assert [run.output for run in runs] == [{"sum": 2 * n + 4} for n in range(1, RUNS + 1) if n != 7]
    assert failed.status == "failed"
    assert (failed.error or "").startswith("PermanentFailure: no use")
    assert set(executed.values()) == {1}, "no attempt was made twice"
    assert bench.value("select count(*) from pgmq.q_foreign") == 0
