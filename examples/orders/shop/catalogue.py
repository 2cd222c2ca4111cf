"""Products: what they cost, and taking them out of the stock."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import psycopg

RESERVE = """
    with reserved as (
        insert into shop.reservations (order_id, sku, quantity)
        values (%(order_id)s, %(sku)s, %(quantity)s)
        on conflict do nothing
        returning sku, quantity
    )
    update shop.products as product
       set stock = product.stock - reserved.quantity
      from reserved
     where product.sku = reserved.sku
"""


class UnknownProductError(ValueError):
    """The catalogue has no such product."""


class OutOfStockError(RuntimeError):
    """There are fewer left than were ordered."""


async def prices(dsn: str, skus: Iterable[str]) -> dict[str, Decimal]:
    """The price of each product; UnknownProductError names those that do not exist."""
    wanted = sorted(set(skus))
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(
            "select sku, price from shop.products where sku = any(%s)", [wanted]
        )
        found: dict[str, Decimal] = dict(await cursor.fetchall())
    if missing := [sku for sku in wanted if sku not in found]:
        raise UnknownProductError(f"no such product: {', '.join(missing)}")
    return found


async def reserve(dsn: str, order_id: int, sku: str, quantity: int) -> int:
    """Take `quantity` out of the stock for an order, once however often it is called; returns what is left.

    Reservation and stock change in one statement. The stock's check keeps it from falling below zero:
    OutOfStockError.
    """
    values = {"order_id": order_id, "sku": sku, "quantity": quantity}
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        try:
            await connection.execute(RESERVE, values)
        except psycopg.errors.CheckViolation:
            raise OutOfStockError(f"fewer than {quantity} of '{sku}' are left") from None
        cursor = await connection.execute("select stock from shop.products where sku = %s", [sku])
        row = await cursor.fetchone()
    if row is None:
        raise UnknownProductError(f"no such product: {sku}")
    return int(row[0])
