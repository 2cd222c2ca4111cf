"""The supplier, who takes orders by mail and confirms them when it likes."""

from __future__ import annotations

import logging
from decimal import Decimal
from uuid import UUID

log = logging.getLogger(__name__)

LIMIT = Decimal(500)

sent: set[UUID] = set()
"""The runs whose order has been sent: a real application would ask its outbox."""


def send_order(key: UUID, item: str, quantity: int) -> None:
    """Send an order once, however often it is asked for."""
    if key not in sent:
        sent.add(key)
        log.info("to the supplier: %d x %s, ref %s", quantity, item, key)
