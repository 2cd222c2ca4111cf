"""Options that several commands share, so that they have the same name, help and behaviour everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="Directory that holds pgflowc.toml; default: this directory or the nearest one above it.",
    ),
]

DsnOption = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        metavar="DSN",
        help="Database to use; default: PGFLOWC_DSN, then pgflowc.toml, then PG*, then the embedded server.",
    ),
]


def project_root(option: Path | None) -> Path:
    """The project's directory: the option, else the nearest one upward with a pgflowc.toml, else this one."""
    if option is not None:
        return option
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "pgflowc.toml").is_file():
            return directory
    return here
