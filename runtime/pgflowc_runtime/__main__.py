"""`python -m pgflowc_runtime worker PACKAGE`: a worker where the compiler is not installed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pgflowc_runtime.errors import ConfigurationError
from pgflowc_runtime.process import complain, dsn_from_environment, serve
from pgflowc_runtime.settings import FILE, settings


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
        directories=[Path.cwd()],
        file=Path.cwd() / FILE,
        settings={setting.name: getattr(options, setting.name) for setting in settings()},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pgflowc_runtime", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    worker = commands.add_parser("worker", help="execute the handlers of a package")
    worker.add_argument(
        "package", metavar="PACKAGE", help="the package that `pgflowc compile` wrote registry.py to"
    )
    worker.add_argument("--dsn", help="database; default: PGFLOWC_DSN, then libpq's PG* variables")
    for setting in settings():
        # Values are texts here; `resolve` judges them, and says the same as for other sources.
        if setting.kind == "flag":
            worker.add_argument(
                setting.option, dest=setting.name, action="store_true", default=None, help=setting.help
            )
        else:
            worker.add_argument(
                setting.option,
                dest=setting.name,
                action="append" if setting.kind == "many" else "store",
                metavar=setting.values,
                help=setting.help,
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
