"""How a worker behaves: every setting, its bounds and its default. `settings` finds the values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Milliseconds = Annotated[int, Field(gt=0, le=300_000)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]

MEBIBYTE = 1024 * 1024


class WorkerConfig(BaseModel):
    """Settings of one worker. pydantic.ValidationError on a value out of bounds or an unknown name.

    Each description begins with the unit, if there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    worker_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name in logs, pgflow.workers.function_name and pg_stat_activity; default: the package.",
    )
    max_concurrency: int = Field(
        default=10, ge=1, le=10_000, description="Handlers running at once, over all flows."
    )
    batch_size: int = Field(default=10, ge=1, le=1_000, description="Tasks taken by one claim, at most.")
    signal: Literal["notify", "polling"] = Field(
        default="notify",
        description="How an idle worker learns of work: LISTEN/NOTIFY, or looking again and again.",
    )
    min_poll_interval: Milliseconds = Field(
        default=1_000, description="Milliseconds until an idle polling worker looks again."
    )
    max_poll_interval: Milliseconds = Field(
        default=5_000, description="Milliseconds that grow to, while there is nothing."
    )
    notify_fallback_interval: int = Field(
        default=30_000,
        gt=0,
        le=600_000,
        description="Milliseconds until a worker that waits for notifications looks without one.",
    )
    notify_throttle: int = Field(
        default=250,
        ge=0,
        le=300_000,
        description="Milliseconds between notifications of a queue that only pgmq's own trigger may serve.",
    )
    heartbeat_interval: Milliseconds = Field(
        default=5_000, description="Milliseconds between signs of life in pgflow.workers."
    )
    recovery_interval: Milliseconds = Field(
        default=15_000, description="Milliseconds between looks for tasks whose worker died."
    )
    stale_threshold: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="Seconds beyond its timeout after which a started task counts as its worker's last.",
    )
    drain_timeout: Seconds = Field(
        default=30.0,
        description="Seconds that running handlers get at the end; then their tasks are given back.",
    )
    startup_timeout: Seconds = Field(
        default=30.0, description="Seconds to wait for a database that is away at the start."
    )
    pool_size: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Database connections for claims and outcomes, at most; one more listens.",
    )
    output_warning_size: int = Field(
        default=MEBIBYTE, ge=1, le=1024 * MEBIBYTE, description="Bytes of an output that the log warns of."
    )
    output_limit_size: int = Field(
        default=64 * MEBIBYTE,
        ge=1,
        # jsonb ends there.
        le=255 * MEBIBYTE,
        description="Bytes of an output that fail its task.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> WorkerConfig:
        if self.min_poll_interval > self.max_poll_interval:
            raise ValueError("min_poll_interval is longer than max_poll_interval")
        return self


class ProcessConfig(WorkerConfig):
    """Settings of a process that is nothing but a worker: `pgflowc run-worker`."""

    flows: tuple[str, ...] = Field(
        default=(), description="Serve only these flows, or those that fit, as in acct_*_sync; default: all."
    )
    patterns: tuple[str, ...] = Field(
        default=(),
        description="Serve flows of the database that fit, GLOB=MODULE: MODULE's functions are its steps.",
    )
    log_format: Literal["simple", "json", "fancy"] | None = Field(
        default=None, description="Form of the log; default: fancy on a terminal, else simple."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe records shown."
    )
    log_polls: bool = Field(default=False, description="Log every claim, the empty ones as well.")
    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="Port for /livez, /readyz and /metrics; 0 takes a free one; default: none.",
    )
    health_host: str = Field(default="0.0.0.0", min_length=1, description="Address of that port.")  # noqa: S104
    telemetry: Literal["none", "opentelemetry"] = Field(
        default="none", description="Where spans and metrics go, beside /metrics."
    )
