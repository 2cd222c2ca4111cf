"""pgflow.cleanup_ensure_workers_logs (contract, section 11), with just enough of pg_cron."""

from __future__ import annotations


def test_cron_notes_are_cleared(core) -> None:
    assert core.value("select cron_deleted from pgflow.cleanup_ensure_workers_logs()") == 0
    core.install_cron()
    core.do("select pgflow.setup_ensure_workers_cron()")
    core.do(
        "insert into cron.job_run_details select jobid, now() - interval '5 hours' from cron.job"
        " union all select jobid, now() from cron.job"
    )
    assert (
        core.value("select cron_deleted from pgflow.cleanup_ensure_workers_logs(retention_hours => 4)") == 1
    )
