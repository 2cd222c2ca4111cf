"""200 runs are in the middle of a flow when its shape changes, and changes again, and a third time: workers
of all deployments run side by side, and every run ends with the output that its version gives.
"""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path
from uuid import UUID

import psycopg

from pgflowc.compile import Compilation, compile_sources
from pgflowc.render import Layout

OLD_RUNS, NEW_RUNS = 200, 20

SPECS = {
    1: """
        flow: order
        input: {id: int}
        steps:
          check: {output: {id: int}}
          charge: {depends_on: [check], output: {id: int, by: str}}
        """,
    2: """
        flow: order
        input: {id: int}
        steps:
          check: {output: {id: int}}
          score: {depends_on: [check], output: {id: int, score: int}}
          charge: {depends_on: [score], output: {id: int, score: int, by: str}}
        """,
    3: """
        flow: order
        input: {id: int}
        steps:
          score: {output: {id: int, score: int}}
          bill: {was: charge, depends_on: [score], if: {score: {score: 3}}, output: {id: int, by: str}}
        """,
    4: """
        flow: order
        input: {id: int}
        steps:
          parts: {output: [int]}
          bill: {map: parts, output: int}
        """,
}
HANDLERS = {
    1: """
        from app._generated.order import ChargeDeps, ChargeOutput, CheckOutput, OrderInput

        async def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
            return CheckOutput(id=input.id)

        async def charge(deps: ChargeDeps, ctx: Context[OrderInput]) -> ChargeOutput:
            await released()
            return ChargeOutput(id=deps.check.id, by="first")
        """,
    2: """
        from app._generated.order import ChargeDeps, ChargeOutput, CheckOutput, OrderInput, ScoreDeps
        from app._generated.order import ScoreOutput

        async def check(input: OrderInput, ctx: Context[OrderInput]) -> CheckOutput:
            return CheckOutput(id=input.id)

        async def score(deps: ScoreDeps, ctx: Context[OrderInput]) -> ScoreOutput:
            return ScoreOutput(id=deps.check.id, score=2)

        async def charge(deps: ChargeDeps, ctx: Context[OrderInput]) -> ChargeOutput:
            await released()
            return ChargeOutput(id=deps.score.id, score=deps.score.score, by="second")
        """,
    3: """
        from app._generated import order

        async def score(input: order.OrderInput, ctx: Context[order.OrderInput]) -> order.ScoreOutput:
            return order.ScoreOutput(id=input.id, score=3)

        async def bill(deps: order.BillDeps, ctx: Context[order.OrderInput]) -> order.BillOutput:
            await released()
            return order.BillOutput(id=deps.score.id, by="third")
        """,
    4: """
        from app._generated.order import BillOutput, OrderInput, PartsOutput

        async def parts(input: OrderInput, ctx: Context[OrderInput]) -> PartsOutput:
            return [input.id, 4]

        async def bill(item: int, ctx: Context[OrderInput]) -> BillOutput:
            await released()
            return item * 10
        """,
}
GATE = """
import asyncio
from pathlib import Path

from pgflowc_runtime import Context

async def released() -> None:
    while not Path({path!r}).exists():
        await asyncio.sleep(0.02)
"""
OUTPUTS = {
    1: lambda number: {"charge": {"id": number, "by": "first"}},
    2: lambda number: {"charge": {"id": number, "score": 2, "by": "second"}},
    3: lambda number: {"bill": {"id": number, "by": "third"}},
    4: lambda number: {"bill": [number * 10, 40]},
}


class Project:
    """Deployments of one project, each with the files that it had when it was made."""

    def __init__(self, root: Path, dsn: str) -> None:
        self._root = root
        self._dsn = dsn
        self._files: dict[str, bytes] = {}
        self.release = root / "release"

    def change(self, version: int) -> list[tuple[str, str]]:
        """Compile that shape, write its handlers, and lay down a deployment; the new migrations in order."""
        spec = textwrap.dedent(SPECS[version])
        compilation: Compilation = compile_sources({"flows/order.yaml": spec}, Layout("app"), self._files)
        assert not compilation.failed, compilation.diagnostics
        files = compilation.rendered.files
        self._files |= {path: text.encode() for path, text in files.items()}
        gate = GATE.format(path=str(self.release))
        handlers = gate + textwrap.dedent(HANDLERS[version])
        self._files["app/handlers/order.py"] = handlers.encode()
        for path, content in self._files.items():
            target = self.deployment(version) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return [
            (path, files[path]) for path in sorted(files) if path.endswith(".sql") and ".down" not in path
        ]

    def deployment(self, version: int) -> Path:
        """The directory of its workers."""
        return self._root / f"deployment_{version}"

    def apply(self, migration: str) -> None:
        """In one transaction, as every tool does."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute(migration.encode())

    def migrations(self) -> list[str]:
        """All that were written, in order."""
        names = (path for path in self._files if path.endswith(".sql") and ".down" not in path)
        return [self._files[name].decode() for name in sorted(names)]


async def test_every_run_ends_as_its_version_would(bench, worker_process, tmp_path: Path) -> None:
    project = Project(tmp_path, bench.dsn)
    runs: dict[UUID, tuple[int, int]] = {}

    async def start(version: int, count: int) -> None:
        inputs = [{"id": len(runs) + number} for number in range(count)]
        for run_id, value in zip(await bench.client.start_flows("order", inputs), inputs, strict=True):
            runs[run_id] = (version, value["id"])

    def begun(slug: str) -> int:
        """Runs whose first step is over and whose last is not."""
        return bench.value(
            "select count(distinct r.run_id) from pgflow.runs r join pgflow.step_states s using (run_id)"
            " where r.flow_slug = %s and r.status = 'started' and s.status = 'completed'",
            slug,
        )

    [(_, create)] = project.change(1)
    project.apply(create)
    oldest = worker_process(
        project.deployment(1), bench.dsn, "--max-concurrency", "300", "--drain-timeout", "0.1"
    )
    await start(1, OLD_RUNS)
    await bench.until(lambda: begun("order") == OLD_RUNS)

    for version in (2, 3, 4):
        slug = f"order_v{version}"
        [(_, create), (_, switch)] = project.change(version)
        project.apply(create)
        worker_process(project.deployment(version), bench.dsn, "--max-concurrency", "100")
        await start(version - 1, 1)  # still
        served = f"select count(*) from pgflow.workers where queue_name = '{slug}'"
        await bench.until(lambda: bench.value(served))  # noqa: B023 - awaited here
        # Those of the deployments before do not know it.
        assert bench.value(f"select pgflowc.count_missing_workers('order', {version})") == version - 1
        project.apply(switch)
        await start(version, NEW_RUNS)
        await bench.until(lambda: begun(slug) == NEW_RUNS)  # noqa: B023 - awaited here

    # The deployment that began it all goes; what it was doing is for those that came after it.
    oldest.signal(signal.SIGTERM)
    oldest.wait()
    project.release.touch()
    await bench.until(lambda: bench.value("select count(*) from pgflow.runs where status = 'started'") == 0)

    page = await bench.client.list_runs("order", limit=1000)
    assert len(page.runs) == len(runs)
    for run in page.runs:
        version, number = runs[run.run_id]
        assert (run.flow_slug, run.status) == ("order" if version == 1 else f"order_v{version}", "completed")
        assert run.output == OUTPUTS[version](number)
    assert bench.value("select pgflowc.count_alive_runs('order', 1)") == 0
