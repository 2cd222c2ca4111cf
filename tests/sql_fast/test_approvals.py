"""Steps that only a signal completes."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest


class TestApprovals:
    def test_a_signal_completes_it_without_a_worker(self, fast) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        assert fast.work("f") == ["a"]
        assert fast.task(run, "ok")["status"] == "waiting"
        assert fast.signal(run, "ok", {"ok": True}) == "delivered"
        assert fast.statuses(run) == {"a": "completed", "ok": "completed", "z": "started"}
        assert [task["input"] for task in fast.claim("f")] == [{"ok": {"ok": True}}]
        assert fast.waits() == 0
        assert fast.signal(run, "ok", {"ok": False}) == "ignored"

    def test_a_signal_completes_it_before_any_worker_has_seen_it(self, fast, ok) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.finish("f", ok(task))
        assert fast.task(run, "ok")["status"] == "waiting"
        assert fast.messages("f") == []
        assert fast.signal(run, "ok", {"ok": True}) == "delivered"
        assert fast.state(run, "ok")["output"] == {"ok": True}
        assert fast.work("f") == ["z"]
        assert fast.messages("f") == []

    def test_an_early_signal_completes_it_when_it_begins(self, fast) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        assert fast.signal(run, "ok", {"ok": False}) == "buffered"
        assert fast.signal(run, "ok", {"ok": True, "note": "yes"}) == "buffered"
        (task,) = fast.claim("f")
        (row,) = fast.finish("f", {"task": task, "output": 1})
        assert row["outcome"] == "completed"
        assert fast.state(run, "ok")["output"] == {"ok": True, "note": "yes"}
        assert fast.waits() == 0
        assert fast.work("f") == ["z"]
        assert fast.run(run)["status"] == "completed"

    def test_the_contracts_functions_begin_it_as_well(self, fast) -> None:
        fast.approval()
        early = fast.value("select run_id from pgflow.start_flow('f', '{}')")
        later = fast.value("select run_id from pgflow.start_flow('f', '{}')")
        fast.signal(early, "ok", {"ok": True})
        for task in fast.claim("f"):
            fast.complete_task(task, 1)
        assert fast.statuses(early) == {"a": "completed", "ok": "completed", "z": "started"}
        assert fast.task(later, "ok")["status"] == "waiting"
        assert fast.value("select deadline - waiting_since = interval '60 s' from pgflowc.task_signals")
        assert fast.signal(later, "ok", {"ok": True}) == "delivered"
        for task in fast.claim("f"):
            fast.complete_task(task, 1)
        assert fast.column("select status from pgflow.runs") == ["completed", "completed"]
        assert fast.waits() == 0

    def test_whoever_starts_runs_needs_no_rights_on_ours(self, fast) -> None:
        fast.flow("f", "ok")
        fast.declare_approval()
        with fast.connection.transaction(force_rollback=True):
            fast.do("create role starter")
            for schema in ("pgflow", "pgmq"):
                fast.do(f"grant usage on schema {schema} to starter")
                fast.do(f"grant all on all tables in schema {schema} to starter")
            fast.do("set local role starter")
            run = fast.value("select run_id from pgflow.start_flow('f', '{}')")
            assert fast.task(run, "ok")["status"] == "waiting"

    def test_a_run_of_approvals_alone_needs_no_worker(self, fast) -> None:
        fast.flow("f", "ok")
        fast.step("f", "sure", ["ok"])
        fast.declare_approval()
        fast.do("select pgflowc.set_signal('f', 'sure', '{}', null, true)")
        (run,) = fast.start("f", {})
        other = fast.value("select run_id from pgflow.start_flow('f', '{}')")
        for each in (run, other):
            assert fast.task(each, "ok")["status"] == "waiting"
            assert fast.signal(each, "sure", 2) == "buffered"
            assert fast.signal(each, "ok", {"ok": True}) == "delivered"
            assert fast.run(each)["output"] == {"sure": 2}
        assert fast.waits() == 0

    def test_one_that_begins_later_waits_from_then_on(self, fast) -> None:
        fast.flow("f", "ok")
        fast.declare_approval(wait_for=60)
        fast.do("select pgflowc.start_run('f', '{}', null, now() + interval '1 hour')")
        assert 3650 < fast.value("select pgflowc.next_due(array['f'])") / 1000 <= 3660
        assert fast.value("select waiting_since > now() + interval '59 min' from pgflowc.task_signals")

    def test_a_step_that_becomes_one_while_its_task_is_queued(self, fast, ok) -> None:
        fast.flow("f", "ok", "z < ok", timeout=60)
        late, soon, never = fast.start("f", {}, {}, {})
        fast.declare_approval()
        fast.do("update pgflow.step_tasks set queued_at = now() - interval '1 day' where run_id = %s", late)
        assert fast.signal(late, "ok", {"ok": True}) == "ignored"
        assert fast.run(late)["status"] == "failed"
        assert fast.signal(soon, "ok", {"ok": True}) == "delivered"
        assert fast.work("f") == ["z"]
        assert fast.task(never, "ok")["status"] == "waiting"

    def test_its_deadline_takes_effect_in_a_paused_queue(self, fast) -> None:
        fast.approval("skip")
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.do("select pgflowc.pause_queue('f')")
        assert 50_000 < fast.value("select pgflowc.next_due(array['f'])") <= 60_000
        fast.pass_deadlines()
        assert fast.claim("f") == []
        assert fast.statuses(run) == {"a": "completed", "ok": "skipped", "z": "started"}
        assert fast.value("select pgflowc.next_due(array['f'])") is None
        fast.do("select pgflowc.resume_queue('f')")
        assert fast.work("f") == ["z"]

    def test_watchers_are_told_that_it_waits(self, fast, realtime) -> None:
        fast.flow("f", "ok")
        fast.declare_approval()
        fast.start("f", {})
        fast.do("select pgflow.start_flow('f', '{}')")
        names = ["run:started", "step:ok:started", "step:ok:waiting"]
        assert [name for name, _ in realtime()] == names * 2
        _, told = realtime()[2]
        assert told["event_type"] == "step:waiting"
        assert told["deadline"] > told["waiting_since"]

    @pytest.mark.parametrize(
        ("mode", "run_status", "z"),
        [
            ("fail", "failed", "created"),
            ("skip", "started", "started"),
            ("skip-cascade", "completed", "skipped"),
        ],
    )
    def test_its_deadline(self, fast, mode: str, run_status: str, z: str) -> None:
        fast.approval(mode)
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.pass_deadlines()
        assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 1
        assert fast.run(run)["status"] == run_status
        assert fast.statuses(run)["z"] == z
        assert fast.state(run, "ok")["error_message"] == "no signal within 60 s"
        assert fast.waits() == 0

    @pytest.mark.parametrize(("mode", "step"), [("fail", "failed"), ("skip", "skipped")])
    def test_a_signal_after_its_deadline_ends_it_and_is_ignored(self, fast, mode: str, step: str) -> None:
        fast.approval(mode)
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.pass_deadlines()
        assert fast.signal(run, "ok", {"ok": True}) == "ignored"
        assert fast.state(run, "ok")["status"] == step
        assert fast.waits() == 0

    @pytest.mark.parametrize(
        ("payload", "fault"),
        [
            ({}, "payload: ok is missing"),
            ({"ok": 1}, "payload.ok: number instead of boolean"),
            ({"ok": True, "note": []}, "payload.note: array instead of string or null"),
            ([], "payload: array instead of object"),
            (None, "payload: null instead of object"),
        ],
    )
    def test_its_payload_is_checked_when_it_is_sent(self, fast, payload: Any, fault: str) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=fault.replace("[", r"\[")):
            fast.signal(run, "ok", payload)
        assert fast.waits() == 0

    def test_retrying_a_run_asks_again_with_a_new_deadline(self, fast) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.pass_deadlines()
        fast.do("select pgflowc.expire_waiting_tasks('f')")
        assert fast.value("select pgflowc.retry_run(%s)", run)
        assert fast.work("f") == []
        assert fast.task(run, "ok")["status"] == "waiting"
        assert fast.value("select deadline > now() from pgflowc.task_signals")
        fast.signal(run, "ok", {"ok": True})
        assert fast.work("f") == ["z"]

    def test_others_that_wait_cost_nothing(self, fast) -> None:
        fast.flow("f", "ok", "z < ok")
        fast.declare_approval()
        run, *_ = fast.start("f", *range(1000))

        def rows_read() -> int:
            fast.flush_statistics()
            return fast.value(
                "select sum(idx_tup_fetch + seq_tup_read)::integer from pg_stat_user_tables"
                " where relname in ('task_signals', 'runs', 'step_states', 'step_tasks')"
            )

        before = rows_read()
        fast.claim("f")
        assert fast.signal(run, "ok", {"ok": True}) == "delivered"
        assert rows_read() - before < 100

    def test_renaming_a_step_keeps_its_declaration(self, fast) -> None:
        fast.approval()
        fast.do("select pgflowc.rename_step('f', 'ok', 'approve')")
        assert fast.column("select step_slug from pgflowc.awaited_signals") == ["approve"]
        fast.do("select pgflow.delete_flow_and_data('f')")
        assert fast.column("select step_slug from pgflowc.awaited_signals") == []
