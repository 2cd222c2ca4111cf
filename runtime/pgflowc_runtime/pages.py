"""Lists that come in pages. A cursor names the last row seen, so rows that arrive meanwhile move nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload
from uuid import UUID

from pgflowc_runtime.errors import InvalidCursor
from pgflowc_runtime.rows import Run


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list of runs goes on. `str(cursor)` is a text for URLs, which `list_runs` takes as well."""

    started_at: datetime
    run_id: UUID

    def __str__(self) -> str:
        text = json.dumps([self.started_at.isoformat(), str(self.run_id)])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @staticmethod
    def parse(text: Cursor | str) -> Cursor:
        """The cursor of a text that `str` made; raises InvalidCursor."""
        if isinstance(text, Cursor):
            return text
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            started_at, run_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = Cursor(datetime.fromisoformat(started_at), UUID(run_id))
        except (ValueError, TypeError, AttributeError, binascii.Error):
            raise InvalidCursor(
                f"'{text}' is no cursor of a list", help="begin again without a cursor"
            ) from None
        if cursor.started_at.tzinfo is None:
            raise InvalidCursor(f"'{text}' is no cursor of a list", help="begin again without a cursor")
        return cursor


@dataclass(frozen=True, slots=True)
class RunPage(Sequence[Run]):
    """Runs, the latest first; `next` leads to the page after it, None if there is none."""

    runs: tuple[Run, ...]
    next: Cursor | None

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Run, ...]: ...

    def __getitem__(self, index: int | slice) -> Run | tuple[Run, ...]:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)
