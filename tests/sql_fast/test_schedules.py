"""pgflowc.set_schedule, pgflowc.remove_schedule: when a flow starts by itself."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb


def schedule(fast) -> dict | None:
    rows = fast.rows("select * from pgflowc.schedules where flow_slug = 'f'")
    return rows[0] if rows else None


def test_a_schedule_is_set_changed_and_removed(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@hourly')")
    row = schedule(fast)
    assert row["created_at"] == row["updated_at"]
    assert (row["schedule"], row["timezone"], row["input"], row["paused_at"]) == ("@hourly", "UTC", {}, None)

    fast.do("update pgflowc.schedules set paused_at = now()")
    fast.do("select pgflowc.set_schedule('f', '0 9 * * *', 'Europe/Berlin', %s)", Jsonb({"kind": "daily"}))
    changed = schedule(fast)
    assert (changed["schedule"], changed["timezone"], changed["input"]) == (
        "0 9 * * *",
        "Europe/Berlin",
        {"kind": "daily"},
    )
    assert changed["paused_at"] is not None
    assert changed["created_at"] == row["created_at"] < changed["updated_at"]

    assert fast.value("select pgflowc.remove_schedule('f')") is True
    assert fast.value("select pgflowc.remove_schedule('f')") is False
    assert schedule(fast) is None


def test_arguments_go_by_name(fast) -> None:
    fast.flow("f", "a")
    fast.do(
        "select pgflowc.set_schedule(p_flow_slug => 'f', p_schedule => '@daily',"
        " p_timezone => 'UTC', p_input => '[]')"
    )
    assert schedule(fast)["input"] == []


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ("'nowhere', '@daily'", psycopg.errors.ForeignKeyViolation, 'flow "nowhere" is not defined'),
        ("'F', '@daily'", psycopg.errors.ForeignKeyViolation, 'flow "F" is not defined'),
        ("'f', '@daily', 'Berlin'", psycopg.errors.InvalidParameterValue, 'time zone "Berlin" is not known'),
        ("'f', '@daily', 'utc'", psycopg.errors.InvalidParameterValue, 'time zone "utc" is not known'),
        ("'f', '@daily', null", psycopg.errors.InvalidParameterValue, 'time zone "<NULL>" is not known'),
        ("'f', ' '", psycopg.errors.CheckViolation, "schedule_is_not_empty"),
        ("'f', null", psycopg.errors.NotNullViolation, "schedule"),
        ("'f', '@daily', 'UTC', null", psycopg.errors.NotNullViolation, "input"),
    ],
)
def test_what_is_refused(fast, arguments, error, text) -> None:
    fast.flow("f", "a")
    with pytest.raises(error, match=text):
        fast.do(f"select pgflowc.set_schedule({arguments})")
    assert schedule(fast) is None


def test_a_flow_that_is_defined_anew_keeps_its_schedule(fast) -> None:
    fast.flow("f", "a")
    fast.do("select pgflowc.set_schedule('f', '@daily')")
    fast.do("select pgflow.delete_flow_and_data('f')")
    fast.flow("f", "b")
    assert schedule(fast)["schedule"] == "@daily"
