"""pgflow.track_worker_function (contract, sections 12 and 17.1)."""

from __future__ import annotations


def test_track_worker_function(core) -> None:
    core.do("select pgflow.track_worker_function(function_name => 'w')")
    first = core.row("select * from pgflow.worker_functions")
    assert (first["enabled"], first["debounce"].total_seconds(), first["start_mode"]) == (True, 6, "http")
    core.do("update pgflow.worker_functions set enabled = false, start_mode = 'process'")
    core.do("select pgflow.track_worker_function('w')")
    second = core.row("select * from pgflow.worker_functions")
    assert second["updated_at"] > first["updated_at"]
    assert (second["enabled"], second["start_mode"], second["created_at"]) == (
        False,
        "process",
        first["created_at"],
    )


def test_the_debounce_is_a_second_or_more(core, raises) -> None:
    core.do("select pgflow.track_worker_function('w')")
    message = (
        'new row for relation "worker_functions" violates check constraint "worker_functions_debounce_check"'
    )
    with raises(message):
        core.do("update pgflow.worker_functions set debounce = '999 milliseconds'")
