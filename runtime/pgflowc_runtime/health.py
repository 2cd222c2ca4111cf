"""/livez, /readyz and /metrics for Kubernetes and Prometheus.

Served by threads of their own, so that they answer even when a handler blocks the event loop: that is what
/livez then says.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol

from pgflowc_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from pgflowc_runtime.telemetry.prometheus import Metrics

log = logging.getLogger("pgflowc.health")

# Kubernetes gives a probe one second unless told otherwise; an answer that comes later is none.
LOOP_SECONDS: Final = 0.9
_REQUEST_SECONDS = 10
_TEXT = "text/plain; charset=utf-8"


class Ready(Protocol):
    """What is asked whether it is ready."""

    def unready(self) -> dict[str, str]:
        """What is not as it should be, and why; empty if all is well. Called in any thread."""


class HealthServer:
    """Listens while the block runs. Made in the worker's event loop."""

    def __init__(self, worker: Ready, *, host: str, port: int) -> None:
        """ConfigurationError if the port is taken or the address is not ours."""
        self._metrics = _metrics()
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        try:
            self._server = _Server((host, port), self)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"cannot listen on {host}:{port} for /livez: {reason}",
                help="give another port with --health-port, or another address with --health-host",
            ) from None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> HealthServer:
        if self._metrics is not None:
            self._metrics.attach()
        serve = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="pgflowc-health", daemon=True
        )
        serve.start()
        log.info("/livez, /readyz and /metrics are on port %d", self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._metrics is not None:
            self._metrics.detach()

    # Answers: status, content type, body. Called in threads of the server.

    def livez(self) -> tuple[int, str, str]:
        """200 if the event loop turns, else 503."""
        turned = threading.Event()
        try:
            self._loop.call_soon_threadsafe(turned.set)
        except RuntimeError:
            return 503, _TEXT, "the event loop is closed\n"
        if turned.wait(LOOP_SECONDS):
            return 200, _TEXT, "ok\n"
        return 503, _TEXT, "the event loop does not turn: a handler blocks it (the log says which)\n"

    def readyz(self) -> tuple[int, str, str]:
        """200 if tasks can be taken, else 503 with the reasons, one a line."""
        faults = self._worker.unready()
        status, _, text = self.livez()
        if status != 200:
            faults = {**faults, "loop": text.strip()}
        if not faults:
            return 200, _TEXT, "ok\n"
        return 503, _TEXT, "".join(f"{name}: {reason}\n" for name, reason in faults.items())

    def metrics(self) -> tuple[int, str, str]:
        """Prometheus's text format."""
        if self._metrics is None:
            return 404, _TEXT, "no metrics: pip install 'pgflowc[prometheus]'\n"
        kind, text = self._metrics.render()
        return 200, kind, text


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], health: HealthServer) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)
        self.pages = {"/livez": health.livez, "/readyz": health.readyz, "/metrics": health.metrics}

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away, most likely.
        log.debug("request from %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    server: _Server

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self._answer(404, _TEXT, f"there are {', '.join(self.server.pages)}\n")
        else:
            self._answer(*page())

    do_HEAD = do_GET  # noqa: N815 (the name that http.server looks for)

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _metrics() -> Metrics | None:
    try:
        from pgflowc_runtime.telemetry.prometheus import Metrics
    except ImportError:
        return None
    return Metrics()
