"""How a worker behaves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Milliseconds = Annotated[int, Field(gt=0, le=300_000)]


class WorkerConfig(BaseModel):
    """Settings of one worker process. pydantic.ValidationError on a value out of bounds or an unknown name.

    Intervals are milliseconds, except where the name or comment says seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker_name: str | None = Field(default=None, min_length=1, max_length=200)
    """Shown in logs, in `pgflow.workers.function_name` and in `pg_stat_activity`; default: the package's
    name.
    """
    max_concurrency: int = Field(default=10, ge=1, le=10_000)
    """Handlers running at once, over all flows."""
    batch_size: int = Field(default=10, ge=1, le=1_000)
    """Tasks taken by one claim, at most."""
    signal: Literal["notify", "polling"] = "notify"
    """How an idle worker learns of work: LISTEN/NOTIFY, or looking again and again."""
    min_poll_interval: Milliseconds = 1_000
    max_poll_interval: Milliseconds = 5_000
    """An idle polling worker looks after the shortest interval, then less and less often."""
    notify_fallback_interval: int = Field(default=30_000, gt=0, le=600_000)
    """A worker that waits for notifications looks this often without one."""
    heartbeat_interval: Milliseconds = 5_000
    recovery_interval: Milliseconds = 15_000
    """How often to look for tasks whose worker died."""
    stale_threshold: float = Field(default=60.0, ge=0)
    """Seconds beyond its timeout after which a started task counts as its worker's last."""
    drain_timeout: float = Field(default=30.0, ge=0)
    """Seconds that running handlers get when the worker stops; then their tasks go back to the queue."""
    startup_timeout: float = Field(default=30.0, ge=0)
    """Seconds to wait for a database that is away at the start."""
    pool_size: int = Field(default=4, ge=1, le=100)
    """Database connections for claims and outcomes; LISTEN has one of its own."""

    @model_validator(mode="after")
    def _ordered(self) -> WorkerConfig:
        if self.min_poll_interval > self.max_poll_interval:
            raise ValueError("min_poll_interval is longer than max_poll_interval")
        return self
