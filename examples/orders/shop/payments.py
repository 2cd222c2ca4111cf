"""The payment provider's sandbox: charges test cards, and is as unreliable as a card asks it to be.

Like the real thing it takes an idempotency key: a request that is repeated with the same key charges once.
A real provider keeps its state on its own side. The sandbox keeps it in a table, so that it survives us.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

import psycopg

TEST_CARDS = {"tok_visa": 0, "tok_flaky": 2}
"""How many requests fail before one is answered, by card."""

COUNT_REQUEST = """
    insert into shop.gateway_requests as known (idempotency_key, amount, requests)
    values (%s, %s, 1)
    on conflict (idempotency_key) do update set requests = known.requests + 1
    returning requests
"""
RECORD_CHARGE = "update shop.gateway_requests set charge_id = %s where idempotency_key = %s"


class GatewayError(ConnectionError):
    """The provider did not answer; trying again later is the right thing to do."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The sandbox, with its state in the database of `dsn`."""

    dsn: str

    async def charge(self, key: str, amount: Decimal, card: str) -> str:
        """Charge `amount` to the card and return the charge's id, the same one whenever `key` is the same.

        Raises GatewayError on the card's first requests, ValueError for a card that does not exist.
        """
        if card not in TEST_CARDS:
            raise ValueError(f"not a test card: {card!r}")
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            cursor = await connection.execute(COUNT_REQUEST, [key, amount])
            row = await cursor.fetchone()
            requests = int(row[0]) if row else 1
            if requests <= TEST_CARDS[card]:
                raise GatewayError(f"503 from the payment gateway (request {requests})")
            charge_id = f"ch_{uuid5(NAMESPACE_URL, key).hex[:16]}"
            await connection.execute(RECORD_CHARGE, [charge_id, key])
        return charge_id
