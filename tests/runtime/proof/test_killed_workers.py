"""Two worker processes on one queue, both killed in the middle of 200 runs, and a third that goes on."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

REGISTRY = """
    import asyncio, os
    from pathlib import Path
    from pgflowc_runtime import Flow, JsonValue, Registry, Step

    # Written at once and unbuffered: what was begun is known after a kill as well.
    flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
    journal = os.open(Path(__file__).parent / f"journal.{os.getpid()}", flags)

    async def begin(ctx):
        os.write(journal, f"{ctx.run_id} {ctx.step_slug} {ctx.task_index} {ctx.attempt}\\n".encode())
        await asyncio.sleep(0.015)

    async def numbers(input, ctx):
        await begin(ctx)
        return [input["n"], input["n"] + 1]

    async def squares(item, ctx):
        await begin(ctx)
        return item * item

    async def total(deps, ctx):
        await begin(ctx)
        return sum(deps["squares"])

    def step(slug, *after, **more):
        return Step(slug=slug, depends_on=after, argument=JsonValue, output=JsonValue, **more)

    steps = (step("numbers"), step("squares", "numbers", kind="map"), step("total", "squares"))
    options = {"max_attempts": 9, "base_delay": 0, "timeout": 2, "definition_hash": ""}
    registry = Registry()
    registry.add(
        Flow(slug="squares", input=JsonValue, steps=steps, **options),
        {"numbers": numbers, "squares": squares, "total": total},
    )
"""
RUNS = 200
TASKS = 4 * RUNS
OPTIONS = ("--stale-threshold", "0", "--recovery-interval", "200")
DONE = "select count(*) from pgflow.runs where status = 'completed'"


def journals(project: Path) -> list[list[tuple[str, ...]]]:
    """What each process has begun: (run, step, index, attempt)."""
    files = (project / "app").glob("journal.*")
    lines = [file.read_text().splitlines() for file in files]
    return [[tuple(line.split(" ")) for line in journal] for journal in lines if journal]


async def test_every_run_completes_and_no_attempt_is_made_twice(bench, step, app, worker_process) -> None:
    steps = (step("numbers"), step("squares", "numbers", kind="map"), step("total", "squares"))
    bench.flow("squares", *steps, max_attempts=9, timeout=2)
    project = app(REGISTRY)
    first, second = (worker_process(project, bench.dsn, *OPTIONS) for _ in range(2))
    for worker in (first, second):
        worker.until_logged("serves squares")
    ids = await bench.client.start_flows("squares", [{"n": n} for n in range(RUNS)])

    await bench.until(lambda: bench.value(DONE) >= RUNS / 10 and len(journals(project)) == 2)
    for worker in (first, second):
        worker.signal(signal.SIGKILL)
    for worker in (first, second):
        worker.wait()
    assert bench.value(DONE) < RUNS, "they were killed in the middle"
    finished = {
        (str(run), slug, str(index))
        for run, slug, index in bench.rows(
            "select run_id, step_slug, task_index from pgflow.step_tasks where status = 'completed'"
        )
    }
    in_flight = bench.value("select count(*) from pgflow.step_tasks where status = 'started'")
    assert in_flight > 0

    third = worker_process(project, bench.dsn, *OPTIONS)
    await bench.until(lambda: bench.value(DONE) == RUNS, seconds=60)
    third.signal(signal.SIGTERM)
    assert third.wait() == 0

    for n, run_id in enumerate(ids):
        assert (await bench.client.get_run(run_id)).output == {"total": n * n + (n + 1) * (n + 1)}
    begun = [entry for journal in journals(project) for entry in journal]
    assert len(begun) == len(set(begun)), "two processes made the same attempt"
    executions = Counter(entry[:3] for entry in begun)
    assert len(executions) == TASKS
    assert all(executions[task] == 1 for task in finished), "what was done before the kill was done again"
    attempts = {
        (str(run), slug, str(index)): count
        for run, slug, index, count in bench.rows(
            "select run_id, step_slug, task_index, attempts_count from pgflow.step_tasks"
        )
    }
    # One claimed whose handler had not begun when the process died has an attempt more than executions.
    assert all(executions[task] <= count for task, count in attempts.items())
    assert TASKS < sum(attempts.values()) <= TASKS + in_flight + len(begun) - TASKS
    assert bench.value("select count(*) from pgmq.q_squares") == 0
