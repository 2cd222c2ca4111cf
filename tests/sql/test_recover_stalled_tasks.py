"""pgflow.recover_stalled_tasks (contract, section 17.4)."""

from __future__ import annotations


def test_recover_stalled_tasks_has_its_own_threshold(core) -> None:
    core.flow("f", "a", timeout=10)
    core.flow("g", "a", timeout=10)
    for slug in "fg":
        core.start(slug)
        core.claim(slug)
    core.age(13)
    recover = "select * from pgflow.recover_stalled_tasks(p_stale_threshold => %s)"
    assert core.rows(recover, 5.5) == [{"recovered_count": 0, "vt_batches": 0}]
    assert core.rows(recover, 2.5) == [{"recovered_count": 2, "vt_batches": 2}]
