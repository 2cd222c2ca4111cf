"""Orders below and over the limit, and what people and the supplier say, or do not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pgflowc_runtime import InvalidInput

from buying import suppliers
from buying._generated.purchase import Decision, OrderSignal, Purchase

PENS = {"item": "pen", "quantity": 10, "price": "1.50"}
CHAIRS = {"item": "chair", "quantity": 6, "price": "120.00"}
CONFIRMED = OrderSignal(number="A-17")


def test_nobody_is_asked_below_the_limit(run_flow) -> None:
    result = run_flow(Purchase, PENS, signals={"order": CONFIRMED})
    assert result.skipped == {"approve": "condition_unmet"}
    assert result.outputs["order"] == {"ordered": True, "number": "A-17", "why": "under the limit"}


def test_over_the_limit_a_person_says_yes(run_flow) -> None:
    said = Decision(approved=True, by="Ada")
    result = run_flow(Purchase, CHAIRS, signals={"approve": said, "order": CONFIRMED})
    assert result.outputs["order"] == {"ordered": True, "number": "A-17", "why": "Ada said yes"}


def test_or_no(flow_runner) -> None:
    waiting = flow_runner.run_flow(Purchase, CHAIRS, within=timedelta(days=1))
    assert waiting.status == "started"
    wait = waiting.step("approve").wait
    assert (wait.kind, wait.until - wait.since) == ("approval", timedelta(days=2))
    with pytest.raises(InvalidInput, match="payload: by is missing"):
        flow_runner.signal(waiting.run_id, "approve", {"approved": False})
    assert flow_runner.signal(waiting.run_id, "approve", {"approved": False, "by": "Bo"}) == "delivered"
    result = flow_runner.drain(waiting.run_id)
    assert result.outputs["order"]["why"] == "Bo said no"
    assert waiting.run_id not in suppliers.sent


def test_who_says_nothing_says_no(run_flow) -> None:
    result = run_flow(Purchase, CHAIRS)
    assert (result.status, result.error) == ("failed", "no signal within 172800 s")
    assert result.waited == pytest.approx(2 * 86400, abs=1)


def test_the_supplier_does_not_answer(run_flow) -> None:
    result = run_flow(Purchase, PENS)
    assert result.status == "completed"
    assert result.outputs["order"]["why"] == "the supplier does not answer"
    assert result.run_id in suppliers.sent
