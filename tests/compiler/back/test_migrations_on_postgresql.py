"""The migrations of all golden cases on a real PostgreSQL: they establish what the specs say, and undo it."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow, Step
from pgflowc.plan import parse_lock, shape_of
from pgflowc.plan.versions import stored_slug
from pgflowc.project import read_paths

CASES = Path(__file__).parents[2] / "cases"
NAMES = sorted(case.parent.name for case in CASES.glob("*/expected"))


@pytest.mark.parametrize("name", NAMES)
def test_migrations_establish_the_specs(name: str, core_dsn: str) -> None:
    case = CASES / name
    lock = parse_lock((case / "expected" / "pgflowc.lock").read_text(encoding="utf-8"), Report())
    assert lock is not None
    ups, downs = _migrations(case, {migration.name for migration in lock.migrations})
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        for up in ups:
            connection.execute(up)
        for flow in _flows(case):
            [(stored,)] = connection.execute("select pgflowc.current_flow(%s)", [flow.slug])
            assert stored == stored_slug(flow.slug, lock.flows[flow.slug].version)
            assert _stored_flow(connection, stored) == _specified_flow(flow)
            assert lock.flows[flow.slug].shape == shape_of(flow)
        stored = connection.execute("select flow_slug from pgflow.flows").fetchall()
        assert {slug for (slug,) in stored} == {
            stored_slug(slug, version)
            for slug, flow in lock.flows.items()
            for version in (flow.version, *(former.version for former in flow.former))
        }
        for down in reversed(downs):
            connection.execute(down)
        assert connection.execute("select count(*) from pgflow.flows").fetchone() == (0,)


def _migrations(case: Path, recorded: set[str]) -> tuple[list[bytes], list[bytes]]:
    files = sorted((case / "expected").rglob("migrations/*.sql"))
    ups = [file for file in files if file.name in recorded]
    downs = [file.with_suffix(".down.sql") for file in ups]
    assert len(ups) == len(recorded) > 0
    return [file.read_bytes() for file in ups], [file.read_bytes() for file in downs]


def _flows(case: Path) -> tuple[Flow, ...]:
    specs = sorted(path for name in ("flows", "specs") for path in (case / name).glob("*"))
    report = Report()
    flows = check_sources(read_paths([str(path) for path in specs], report), report)
    assert not report.has_errors
    return flows


def _stored_flow(connection: psycopg.Connection, slug: str) -> object:
    flow = connection.execute(
        """
        select flow_type, opt_max_attempts, opt_base_delay, opt_timeout
        from pgflow.flows where flow_slug = %s
        """,
        [slug],
    ).fetchone()
    steps = connection.execute(
        """
        select step_slug, step_type, opt_max_attempts, opt_base_delay, opt_timeout, opt_start_delay,
               required_input_pattern, forbidden_input_pattern, when_unmet, when_exhausted,
               (select coalesce(array_agg(dep_slug order by dep_slug collate "C"), '{}')
                from pgflow.deps d where (d.flow_slug, d.step_slug) = (s.flow_slug, s.step_slug))
        from pgflow.steps s where flow_slug = %s order by step_index
        """,
        [slug],
    ).fetchall()
    return flow, steps


def _specified_flow(flow: Flow) -> object:
    options = flow.options
    return (
        (flow.kind, options.max_attempts, options.base_delay, options.timeout),
        [_specified_step(step) for step in flow.steps],
    )


def _specified_step(step: Step) -> tuple[object, ...]:
    options, condition = step.options, step.condition
    return (
        step.slug,
        step.kind,
        options.max_attempts,
        options.base_delay,
        options.timeout,
        options.start_delay,
        json.loads(condition.required) if condition.required else None,
        json.loads(condition.forbidden) if condition.forbidden else None,
        condition.when_unmet,
        condition.when_exhausted,
        sorted(step.depends_on),
    )
