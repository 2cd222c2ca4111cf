"""The functions that change a flow that is there: what they refuse, and that they work beside any core.

What migrations do with them is in tests/compiler/back/test_changes.py.
"""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors


@pytest.fixture
def flow(fast):
    fast.flow("f", "a", "b < a")
    return fast


@pytest.mark.parametrize(
    ("call", "error", "problem"),
    [
        ("change_flow('g', '{}', '{}')", errors.NoDataFound, 'flow "g" does not exist'),
        ("change_step('f', 'c', '{}', '{}')", errors.NoDataFound, 'flow "f" has no step "c"'),
        ("change_step('g', 'a', '{}', '{}')", errors.NoDataFound, 'flow "g" has no step "a"'),
        (
            """change_flow('f', '{"slug": "f"}', '{"slug": "g"}')""",
            errors.InvalidParameterValue,
            '"slug" cannot be changed in flow "f"',
        ),
        (
            """change_step('f', 'a', '{"timeout": null}', '{"base_delay": 1}')""",
            errors.InvalidParameterValue,
            '"base_delay" cannot be changed in step "a" of flow "f"',
        ),
        (
            """change_step('f', 'a', '{"timeout": 5}', '{"timeout": 6}')""",
            errors.ObjectNotInPrerequisiteState,
            'step "a" of flow "f" has timeout null, where 5 was expected',
        ),
        (
            """change_step('f', 'a', '{"timeout": null}', '{"timeout": 0}')""",
            errors.CheckViolation,
            "opt_timeout_is_positive",
        ),
        (
            """change_step('f', 'b', '{"deps_slugs": ["a"]}', '{"deps_slugs": ["z"]}')""",
            errors.ForeignKeyViolation,
            "deps_flow_slug_dep_slug_fkey",
        ),
        ("remove_step('f', 'a')", errors.DependentObjectsStillExist, 'step "a" of flow "f" is needed by: b'),
        ("remove_step('f', 'z')", errors.NoDataFound, 'flow "f" has no step "z"'),
        ("remove_step('g', 'a')", errors.NoDataFound, 'flow "g" has no step "a"'),
        ("rename_step('f', 'z', 'y')", errors.NoDataFound, 'flow "f" has no step "z"'),
        ("rename_step('g', 'a', 'b')", errors.NoDataFound, 'flow "g" has no step "a"'),
        ("remove_signal('g', 'a')", errors.NoDataFound, 'flow "g" has no step "a"'),
        ("remove_signal('f', 'z')", errors.NoDataFound, 'flow "f" has no step "z"'),
        ("set_signal('g', 'a', '{}')", errors.ForeignKeyViolation, "awaited_signals_step_fkey"),
        ("rename_step('f', 'a', 'b')", errors.UniqueViolation, "steps_pkey"),
        ("rename_step('f', 'a', 'no slug')", errors.CheckViolation, "steps_step_slug_check"),
        ("order_steps('g', array['a'])", errors.InvalidParameterValue, "these are not the steps of flow"),
        ("order_steps('f', array['a'])", errors.InvalidParameterValue, "these are not the steps of flow"),
        ("order_steps('f', array['a', 'b', 'b'])", errors.InvalidParameterValue, "these are not the steps"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    call: str, error: type[psycopg.Error], problem: str, flow
) -> None:
    definition = "select to_jsonb(s) from pgflow.steps s union all select to_jsonb(d) from pgflow.deps d"
    before = flow.rows(definition)
    with pytest.raises(error, match=problem):
        flow.do(f"select pgflowc.{call}")
    assert flow.rows(definition) == before


@pytest.mark.parametrize(
    "call",
    [
        """change_step('f', 'b', '{"deps_slugs": ["a"]}', '{"deps_slugs": []}')""",
        """change_step('f', 'b', '{"step_type": "single"}', '{"step_type": "map"}')""",
        """change_step('f', 'b', '{"when_exhausted": "fail"}', '{"when_exhausted": "skip"}')""",
        "remove_step('f', 'b')",
        "rename_step('f', 'a', 'c')",
    ],
)
def test_each_looks_for_itself_whether_runs_are_alive(call: str, flow) -> None:
    flow.start("f", 1)
    with pytest.raises(errors.ObjectInUse, match='flow "f" has 1 run alive'):
        flow.do(f"select pgflowc.{call}")
    flow.do("update pgflow.runs set status = 'failed'")
    flow.do(f"select pgflowc.{call}")


def test_a_flow_is_looked_at_once_in_a_transaction_and_again_in_the_next(flow) -> None:
    with flow.connection.transaction():
        flow.do("select pgflowc.require_drained('f')")
        flow.start("f", 1)  # in the migration itself, where nothing keeps it out
        flow.do("select pgflowc.require_drained('f')")
    with pytest.raises(errors.ObjectInUse):
        flow.do("select pgflowc.require_drained('f')")


def test_what_somebody_deleted_by_hand_can_still_be_dropped_by_its_migration(flow) -> None:
    flow.do("select pgflow.delete_flow_and_data('f')")
    flow.do(
        "select pgflowc.require_drained('f'), pgflowc.remove_version('f', 1), pgflowc.remove_schedule('f')"
    )
    flow.do("select pgflow.delete_flow_and_data('f')")


def test_options_and_kinds_without_the_column_that_other_cores_lack(flow) -> None:
    flow.do("alter table pgflow.flows drop column flow_type")
    flow.do("""select pgflowc.change_flow('f', '{"timeout": 60}', '{"timeout": 7}')""")
    assert flow.value("select opt_timeout from pgflow.flows") == 7
    with pytest.raises(errors.InvalidParameterValue, match='"flow_type" cannot be changed'):
        flow.do("""select pgflowc.change_flow('f', '{"flow_type": "flow"}', '{"flow_type": "job"}')""")


def test_tasks_and_states_of_finished_runs_move_with_a_renamed_step(flow) -> None:
    flow.start("f", 1)
    assert flow.work("f") == ["a", "b"]
    before = flow.rows(
        "select to_jsonb(s) - 'step_slug' as s from pgflow.step_states s order by completed_at"
    )
    flow.do("select pgflowc.rename_step('f', 'a', 'first')")
    after = flow.rows("select to_jsonb(s) - 'step_slug' as s from pgflow.step_states s order by completed_at")
    assert after == before
    assert sorted(flow.column("select step_slug from pgflow.step_states")) == ["b", "first"]
    assert sorted(flow.column("select step_slug from pgflow.step_tasks")) == ["b", "first"]
    assert flow.rows("select step_slug, step_index from pgflow.steps order by 2") == [
        {"step_slug": "first", "step_index": 0},
        {"step_slug": "b", "step_index": 1},
    ]
    assert flow.rows("select dep_slug, step_slug from pgflow.deps") == [
        {"dep_slug": "first", "step_slug": "b"}
    ]
    flow.start("f", 2)
    assert flow.work("f") == ["first", "b"]


def test_a_step_may_take_the_slug_of_one_removed(fast, failed) -> None:
    fast.flow("f", "m[]", "n[]")
    (run,) = fast.start("f", list(range(300)))  # cut into chunks for each of them
    fast.finish("f", failed(fast.claim("f", 1)[0]))
    fast.do("select pgflowc.remove_step('f', 'm'), pgflowc.rename_step('f', 'n', 'm')")
    fast.do("select pgflowc.retry_run(%s)", run)
    tasks = fast.claim("f", 1000)
    assert [(task["step_slug"], task["input"]) for task in tasks] == [("m", n) for n in range(300)]
