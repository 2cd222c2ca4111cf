"""`pgflowc run-worker`: find the project's package and database, then run the runtime's worker."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from pgflowc.cli.exit import fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import resolved_dsn
from pgflowc.diagnostics import Report
from pgflowc.project import CONFIG, load_project
from pgflowc_runtime.settings import Setting, settings


def run_worker(
    package: Annotated[
        str | None, typer.Argument(metavar="PACKAGE", help="Default: the package of pgflowc.toml.")
    ] = None,
    project: ProjectOption = None,
    dsn: DsnOption = None,
    **given: Any,
) -> None:
    """Execute the handlers of this project until SIGTERM or SIGINT.

    Every setting can also be given in the environment, --max-concurrency as
    PGFLOWC_MAX_CONCURRENCY, or in pgflowc.toml, as max_concurrency in the
    table `worker`.

    Exit codes: 0 stopped, 1 crashed, 2 could not start, 3 stopped with
    unfinished tasks given back to the queue.
    """
    from pgflowc_runtime.process import serve

    root = project_root(project)
    name, directories = worker_package(package, root, required=project is not None)
    code = serve(
        name, dsn=resolved_dsn(dsn, root), directories=directories, file=root / CONFIG, settings=given
    )
    raise typer.Exit(code)


def worker_package(package: str | None, root: Path, *, required: bool) -> tuple[str, list[Path]]:
    """The package to serve, and where to look for it before sys.path."""
    if package is not None and not required and not (root / CONFIG).is_file():
        return package, [Path.cwd()]
    report = Report()
    loaded = load_project(root, report)
    if loaded is None:
        first = report.sorted()[0]
        fail(first.message, help=first.help[0] if first.help else "run `pgflowc validate` to see where")
    name = package or loaded.package
    if name is None:
        fail(f"{CONFIG} names no package", help=f'add the line package = "shop" to {root / CONFIG}')
    return name, [loaded.source_dir, Path.cwd()]


def _option(setting: Setting) -> inspect.Parameter:
    # Values are texts here; the runtime judges them, and says the same as for other sources.
    kinds: dict[str, Any] = {"one": str | None, "flag": bool | None, "many": list[str] | None}
    option = typer.Option(
        setting.option,
        metavar=None if setting.kind == "flag" else setting.values,
        help=setting.help,
        show_default=False,
    )
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kinds[setting.kind], option],
    )


def _with_settings() -> None:
    """Typer reads a command's options from its signature, and the settings are listed in one place."""
    signature = inspect.signature(run_worker, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "given"]
    options = [_option(setting) for setting in settings()]
    run_worker.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    run_worker.__annotations__ = {
        **{parameter.name: parameter.annotation for parameter in [*own, *options]},
        "return": None,
    }


_with_settings()
