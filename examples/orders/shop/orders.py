"""The table of confirmed orders."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
from pgflowc_runtime import AsyncClient

from shop._generated.process_order import ProcessOrderInput
from shop._generated.send_email import SendEmail, SendEmailInput

INSERT = """
    insert into shop.orders (order_id, email, channel, note, total, charge_id, mail_run_id)
    values (%(order_id)s, %(email)s, %(channel)s, %(note)s, %(total)s, %(charge_id)s, %(mail_run_id)s)
    on conflict do nothing
    returning mail_run_id
"""
KNOWN = "select mail_run_id from shop.orders where order_id = %s"

# Without a database of its own: it starts runs on the connection of whoever calls.
client = AsyncClient()


async def confirm(dsn: str, order: ProcessOrderInput, total: Decimal, charge_id: str) -> UUID:
    """Record the order and start the job that mails the receipt; returns the job's run id.

    Both happen in one transaction: there is no order without a receipt and no receipt without an order. An
    order that was confirmed before is left as it is, so a repeated call sends no second mail.
    """
    values = {
        **order.model_dump(include={"order_id", "email", "channel", "note"}),
        "total": total,
        "charge_id": charge_id,
        "mail_run_id": uuid4(),
    }
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        inserted = await connection.execute(INSERT, values)
        if row := await inserted.fetchone():
            mail = receipt(order, total)
            await client.enqueue(SendEmail, mail, run_id=row[0], connection=connection)
        else:
            known = await connection.execute(KNOWN, [order.order_id])
            row = await known.fetchone()
            assert row is not None
    return UUID(str(row[0]))


def receipt(order: ProcessOrderInput, total: Decimal) -> SendEmailInput:
    """The mail that the customer gets."""
    lines = [f"{item.quantity:>4} x {item.sku}" for item in order.items]
    return SendEmailInput(
        to=order.email,
        subject=f"Your order {order.order_id}",
        body="\n".join(
            ["Thank you for your order.", "", *lines, "", f"Charged to your card: {total:.2f} EUR", ""]
        ),
    )
