"""Whole orders, from the checked input to the tables: with the real handlers, and with stubs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shop._generated.process_order import ProcessOrder, ProcessOrderInput

ITEMS = [{"sku": "mug", "quantity": 2}, {"sku": "kettle", "quantity": 1}, {"sku": "mug", "quantity": 1}]
ORDER = {
    "order_id": 7,
    "email": "ada@shop.example",
    "card": "tok_visa",
    "channel": "web",
    "items": ITEMS,
}
TOTAL = Decimal("39.90") + 3 * Decimal("9.50")


def test_an_order_is_charged_at_the_third_attempt(run_flow, rows) -> None:
    result = run_flow(ProcessOrder, {**ORDER, "card": "tok_flaky"})
    assert result.status == "completed"
    once = dict.fromkeys(("validate", "list_items", "reserve_items", "confirm"), 1)
    assert result.attempts == {**once, "charge": 3}
    assert result.waited == pytest.approx(2 + 4, abs=1)
    assert "503 from the payment gateway" in next(
        task.error for task in result.tasks if task.step_slug == "charge"
    )

    assert rows("select requests, amount from shop.gateway_requests") == [{"requests": 3, "amount": TOTAL}]
    [order] = rows("select * from shop.orders")
    assert (order["order_id"], order["total"], order["channel"], order["note"]) == (7, TOTAL, "web", None)
    assert rows("select sku, stock from shop.products where stock < 500 order by sku") == [
        {"sku": "kettle", "stock": 499},
        {"sku": "mug", "stock": 497},
    ]


def test_the_receipt_is_mailed(run_flow, drain, mail_server) -> None:
    mail_server.start()
    mail_run_id = run_flow(ProcessOrder, ORDER).outputs["confirm"]["mail_run_id"]
    assert mail_server.received() == [], "the receipt is a run of its own, and nobody has executed it"
    assert drain(mail_run_id).status == "completed"

    [mail] = mail_server.received()
    assert mail["To"] == "ada@shop.example"
    assert mail["Subject"] == "Your order 7"
    assert mail["Message-ID"] == f"<{mail_run_id}@shop.example>"
    assert f"Charged to your card: {TOTAL} EUR" in mail.get_payload()


def test_an_order_that_comes_twice_is_charged_and_mailed_once(run_flow, rows) -> None:
    first = run_flow(ProcessOrder, ProcessOrderInput.model_validate(ORDER))
    second = run_flow(ProcessOrder, ORDER)
    assert first.run_id != second.run_id
    assert first.output == second.output
    assert len(rows("select charge_id from shop.gateway_requests")) == 1
    assert rows("select stock from shop.products where sku = 'mug'") == [{"stock": 497}]
    assert len(rows("select * from pgflow.runs where flow_slug = 'send_email'")) == 1


def test_a_gateway_that_stays_away_fails_the_order_and_keeps_the_stock_reserved(run_flow, rows) -> None:
    result = run_flow(ProcessOrder, ORDER, stubs={"charge": ConnectionError("no route to the gateway")})
    assert result.status == "failed"
    assert result.attempts["charge"] == 5
    assert result.error.startswith("ConnectionError: no route to the gateway")
    assert "confirm" not in result.outputs
    assert rows("select stock from shop.products where sku = 'mug'") == [{"stock": 497}]


def test_the_payment_alone(run_flow, rows) -> None:
    stubs = {
        "validate": {"order_id": 7, "total": "12.50", "items": ITEMS},
        "reserve_items": lambda item: {"sku": item.sku, "quantity": item.quantity, "left": 0},
        "confirm": lambda deps, ctx: {"order_id": 7, "mail_run_id": ctx.run_id},
    }
    result = run_flow(ProcessOrder, ORDER, stubs=stubs)
    assert result.outputs["charge"]["amount"] == "12.50"
    assert rows("select * from shop.reservations") == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"items": [{"sku": "unicorn", "quantity": 1}]}, "no such product: unicorn"),
        ({"items": []}, "an order needs at least one item"),
        ({"items": [{"sku": "mug", "quantity": -1}]}, "a quantity is at least 1"),
    ],
)
def test_a_wrong_order_fails_at_once_and_leaves_nothing_behind(
    run_flow, rows, change: dict[str, Any], reason: str
) -> None:
    result = run_flow(ProcessOrder, {**ORDER, **change})
    assert result.status == "failed"
    assert reason in result.error
    assert result.attempts == {"validate": 1}
    for table in ("orders", "reservations", "gateway_requests"):
        assert rows(f"select * from shop.{table}") == []
