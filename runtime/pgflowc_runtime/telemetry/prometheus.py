"""Prometheus metrics of what telemetry tells. Needs the extra `prometheus`.

    metrics = Metrics()
    metrics.attach()
    kind, text = metrics.render()

`pgflowc run-worker --health-port` serves them on /metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pgflowc_runtime.telemetry.hooks import attach, detach

# Steps take from a millisecond to an hour.
_DURATIONS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600)
_CLAIMS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)

_NAME = "pgflowc.prometheus"


class Metrics:
    """The metrics, in `registry` or one of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """ValueError if the registry has metrics of these names."""
        self._registry = registry or CollectorRegistry()
        to: CollectorRegistry = self._registry
        step = ("flow", "step")
        self._tasks = Counter(
            "pgflowc_tasks", "Attempts at tasks that ended.", (*step, "outcome"), registry=to
        )
        self._duration = Histogram(
            "pgflowc_task_duration_seconds",
            "How long attempts took.",
            step,
            registry=to,
            buckets=_DURATIONS,
        )
        self._running = Gauge("pgflowc_tasks_running", "Handlers running now.", step, registry=to)
        self._claims = Counter("pgflowc_claims", "Claims that came back.", ("flow",), registry=to)
        self._claimed = Counter("pgflowc_claimed_tasks", "Tasks claimed.", ("flow",), registry=to)
        self._claim_duration = Histogram(
            "pgflowc_claim_duration_seconds", "How long claims took.", registry=to, buckets=_CLAIMS
        )
        self._runs = Counter(
            "pgflowc_runs",
            "Runs started here, and runs that ended with an outcome recorded here.",
            ("flow", "status"),
            registry=to,
        )
        self._starts = Counter(
            "pgflowc_starts", "Calls that start runs, by how they ended.", ("flow", "outcome"), registry=to
        )
        self._pruned = Counter(
            "pgflowc_pruned_runs", "Runs deleted here when their retention was over.", ("flow",), registry=to
        )
        self._retries = Counter(
            "pgflowc_outcome_retries", "Times that outcomes were to be sent again.", ("flow",), registry=to
        )
        self._up = Gauge("pgflowc_worker_up", "1 while the worker takes tasks.", registry=to)
        self._handlers: dict[str, Callable[[Mapping[str, float], Mapping[str, object]], None]] = {
            "worker.start": lambda _, __: self._up.set(1),
            "worker.stop": lambda _, __: self._up.set(0),
            "poll.stop": self._polled,
            "task.start": self._task_began,
            "task.stop": lambda numbers, about: self._task_ended(numbers, about, "completed"),
            "task.exception": lambda numbers, about: self._task_ended(numbers, about, "failed"),
            "task.released": lambda numbers, about: self._task_ended(numbers, about, "released"),
            "run.started": lambda _, about: self._run(about, "started"),
            "run.completed": lambda _, about: self._run(about, "completed"),
            "run.failed": lambda _, about: self._run(about, "failed"),
            "runs.pruned": self._runs_pruned,
            "outcome.retry": lambda _, about: self._retries.labels(about["flow_slug"]).inc(),
            "starter.success": lambda _, about: self._start(about, "success"),
            "starter.retry": lambda _, about: self._start(about, "retry"),
            "starter.permanent_failure": lambda _, about: self._start(about, "permanent_failure"),
        }

    def attach(self) -> None:
        """Begin to count. ConfigurationError if other metrics are attached."""
        attach(_NAME, self._handlers, lambda event, numbers, about: self._handlers[event](numbers, about))

    def detach(self) -> None:
        """Count no more."""
        detach(_NAME)

    def render(self) -> tuple[str, str]:
        """Content type and text."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry).decode()

    def _task_began(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._running.labels(about["flow_slug"], about["step_slug"]).inc()

    def _task_ended(self, numbers: Mapping[str, float], about: Mapping[str, object], result: str) -> None:
        step = about["flow_slug"], about["step_slug"]
        self._running.labels(*step).dec()
        self._tasks.labels(*step, result).inc()
        self._duration.labels(*step).observe(numbers["duration"])

    def _polled(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._claims.labels(about.get("flow_slug", "")).inc()
        self._claimed.labels(about.get("flow_slug", "")).inc(numbers.get("tasks", 0))
        self._claim_duration.observe(numbers.get("duration", 0))

    def _run(self, about: Mapping[str, object], status: str) -> None:
        self._runs.labels(about.get("flow_slug", ""), status).inc()

    def _runs_pruned(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._pruned.labels(about.get("flow_slug", "")).inc(numbers["runs"])

    def _start(self, about: Mapping[str, object], result: str) -> None:
        self._starts.labels(about.get("flow_slug", ""), result).inc()
