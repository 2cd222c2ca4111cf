"""Runs flows to their end inside a test: real SQL, the real checks of payloads, no worker and no waiting.

    def test_an_order_is_confirmed(run_flow):
        result = run_flow(ProcessOrder, {"order_id": 7}, stubs={"charge": {"charge_id": "ch_1"}})
        assert result.status == "completed"
        assert result.outputs["confirm"] == {"order_id": 7}

The fixtures (`run_flow`, `drain`, `flow_runner`, `async_flow_runner`, `pgflowc_dsn`) come with pgflowc as a
plugin of pytest; docs/testing.md tells how. What is here works without pytest as well: it needs the DSN of a
database that has the project's migrations.
"""

from pgflowc_runtime.testing.flow_runner import AsyncFlowRunner, FlowRunner, RunStuck
from pgflowc_runtime.testing.result import RunResult
from pgflowc_runtime.testing.stubs import Signals, Stub, Stubs

__all__ = ["AsyncFlowRunner", "FlowRunner", "RunResult", "RunStuck", "Signals", "Stub", "Stubs"]
