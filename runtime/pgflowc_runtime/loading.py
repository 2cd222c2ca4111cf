"""Imports PACKAGE.registry, and says in one line what is wrong with it if that fails."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from pgflowc_runtime.errors import RegistryError
from pgflowc_runtime.registry import Registry

COMPILE = "run `pgflowc compile`"


def load_registry(package: str, directories: Sequence[Path] = (), *, required: bool = True) -> Registry:
    """The registry that `pgflowc compile` wrote for `package`; `directories` are searched before sys.path.

    One that is not `required`, because a worker's patterns find all its flows, is empty if there is none.
    Raises RegistryError whose message names the file and whose help names the command that mends it.
    """
    for directory in reversed(directories):
        path = str(directory.resolve())
        if path not in sys.path:
            sys.path.insert(0, path)
    if not all(part.isidentifier() for part in package.split(".")):
        raise RegistryError(
            f"'{package}' is not a package name", help="name the package as in Python, for example: shop"
        )
    _check_package(package)
    name = f"{package}.registry"
    try:
        module = import_module(name)
    except RegistryError:
        raise
    except ModuleNotFoundError as error:
        if error.name == name and not required:
            return Registry()
        if error.name == name:
            raise RegistryError(f"package '{package}' has no registry.py", help=COMPILE) from None
        raise failed_import(error, package) from error
    except (Exception, SystemExit) as error:
        raise failed_import(error, package) from error
    registry = getattr(module, "registry", None)
    if not isinstance(registry, Registry):
        raise RegistryError(
            f"{_shown(str(module.__file__))} defines no `registry`", help=f"{COMPILE}: it writes that file"
        )
    return registry


def _check_package(package: str) -> None:
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        spec = None
    except (Exception, SystemExit) as error:
        raise failed_import(error, package) from error
    if spec is None:
        raise RegistryError(
            f"there is no package '{package}' in {Path.cwd()} or on PYTHONPATH",
            help=f"go to the project's directory and {COMPILE}",
        )
    if spec.submodule_search_locations is None:
        raise RegistryError(
            f"'{package}' is a module ({_shown(str(spec.origin))}), not a package",
            help="name the package of pgflowc.toml",
        )


def failed_import(error: BaseException, package: str) -> RegistryError:
    """What importing the registry of `package`, or its handlers, failed with: where, and what mends it."""
    where = _place(error)
    registry = (
        where is not None
        and where[0].name == "registry.py"
        and where[0].parent.name == package.split(".")[-1]
    )
    missing = getattr(error, "name", None)
    if registry and isinstance(error, AttributeError) and missing:
        owner = getattr(error.obj, "__name__", "a module")
        return RegistryError(
            f"{_at(where)} names handler '{missing}', which {owner} does not define",
            help=f"{COMPILE}: it adds a stub to {owner.replace('.', '/')}.py",
        )
    if registry and isinstance(error, ImportError):
        return RegistryError(
            f"{_at(where)} needs what is not there: {_describe(error)}",
            help=f"{COMPILE}; for a step with `handler: module:function`, write that function",
        )
    if registry and isinstance(error, SyntaxError):
        return RegistryError(f"{_at(where)} is not what pgflowc wrote: {_describe(error)}", help=COMPILE)
    help = "mend that file; `pgflowc compile` never changes the body of a handler"
    if isinstance(error, ModuleNotFoundError) and missing and not missing.startswith(f"{package}."):
        help = f"install '{missing.split('.')[0]}' into this environment, or mend the import"
    return RegistryError(f"{_at(where)} cannot be imported: {_describe(error)}", help=help)


def _place(error: BaseException) -> tuple[Path, int] | None:
    """The innermost file and line that is neither Python's import machinery nor installed code."""
    if isinstance(error, SyntaxError) and error.filename:
        return Path(error.filename), error.lineno or 1
    own = str(Path(__file__).parent)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen", own))
        and frame.filename != import_module.__code__.co_filename
    ]
    installed = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")})
    users = [frame for frame in frames if not frame.filename.startswith(installed)] or frames
    return (Path(users[-1].filename), users[-1].lineno or 1) if users else None


def _at(where: tuple[Path, int] | None) -> str:
    return "the registry" if where is None else f"{_shown(str(where[0]))}:{where[1]}"


def _shown(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _describe(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
