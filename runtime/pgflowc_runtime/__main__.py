"""`python -m pgflowc_runtime worker PACKAGE`: a worker where the compiler is not installed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pgflowc_runtime.errors import ConfigurationError
from pgflowc_runtime.process import complain, dsn_from_environment, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run; returns the exit code (process.py lists them)."""
    options = _parser().parse_args(arguments)
    try:
        dsn = options.dsn if options.dsn is not None else dsn_from_environment()
    except ConfigurationError as error:
        return complain(error)
    return serve(
        options.package,
        dsn=dsn,
        flows=options.flow,
        directories=[Path.cwd()],
        log_format=options.log_format,
        log_level=options.log_level.upper(),
        settings={
            "max_concurrency": options.max_concurrency,
            "batch_size": options.batch_size,
            "signal": options.signal,
            "drain_timeout": options.drain_timeout,
            "startup_timeout": options.startup_timeout,
            "heartbeat_interval": options.heartbeat_interval,
            "worker_name": options.worker_name,
        },
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pgflowc_runtime", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    worker = commands.add_parser("worker", help="execute the handlers of a package")
    worker.add_argument(
        "package", metavar="PACKAGE", help="the package that `pgflowc compile` wrote registry.py to"
    )
    worker.add_argument("--dsn", help="database; default: PGFLOWC_DSN, then libpq's PG* variables")
    worker.add_argument(
        "--flow", action="append", default=[], metavar="SLUG", help="serve only this flow; may be repeated"
    )
    worker.add_argument("--max-concurrency", type=int, metavar="N", help="handlers at once (10)")
    worker.add_argument("--batch-size", type=int, metavar="N", help="tasks per claim, at most (10)")
    worker.add_argument("--signal", choices=("notify", "polling"), help="how to learn of work (notify)")
    worker.add_argument(
        "--drain-timeout", type=float, metavar="S", help="seconds for running handlers at the end (30)"
    )
    worker.add_argument(
        "--startup-timeout", type=float, metavar="S", help="seconds to wait for the database (30)"
    )
    worker.add_argument(
        "--heartbeat-interval", type=int, metavar="MS", help="milliseconds between heartbeats (5000)"
    )
    worker.add_argument("--worker-name", metavar="NAME", help="name in logs and pgflow.workers (PACKAGE)")
    worker.add_argument(
        "--log-format", choices=("simple", "json", "fancy"), help="default: fancy on a terminal, else simple"
    )
    worker.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser


if __name__ == "__main__":
    sys.exit(main())
