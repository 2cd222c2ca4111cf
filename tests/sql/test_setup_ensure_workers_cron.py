"""pgflow.setup_ensure_workers_cron (contract, section 11), with just enough of pg_cron."""

from __future__ import annotations


def test_cron_jobs_are_replaced(core) -> None:
    core.install_cron()
    assert "15 seconds" in core.value("select pgflow.setup_requeue_stalled_tasks_cron()")
    assert "30 seconds" in core.value(
        "select pgflow.setup_requeue_stalled_tasks_cron(cron_interval => '30 seconds')"
    )
    core.do("select pgflow.setup_ensure_workers_cron()")
    jobs = core.rows("select jobname, schedule from cron.job order by 1")
    assert [(job["jobname"], job["schedule"]) for job in jobs] == [
        ("pgflow_cleanup_logs", "0 * * * *"),
        ("pgflow_ensure_workers", "1 second"),
        ("pgflow_requeue_stalled_tasks", "30 seconds"),
    ]
    for command in core.column("select command from cron.job"):
        core.do(command)
