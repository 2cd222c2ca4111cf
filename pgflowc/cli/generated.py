"""Looks into a project's generated code for a flow, so that its input can be checked before it is sent."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from pgflowc.diagnostics import Report
from pgflowc.project import CONFIG, load_project
from pgflowc_runtime.flow import Flow


def find_flow(name: str, root: Path) -> Flow[Any] | None:
    """The newest version of the compiled flow of that name; None if the project has none or cannot be
    imported: the server judges then.

    Only generated modules are imported, never handlers.
    """
    if not (root / CONFIG).is_file():
        return None
    project = load_project(root, Report())
    if project is None or project.package is None:
        return None
    directory = str(project.source_dir)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        generated = import_module(f"{project.package}._generated")
        flows = [
            value
            for found in iter_modules(generated.__path__)
            for value in vars(import_module(f"{generated.__name__}.{found.name}")).values()
            if isinstance(value, Flow) and value.called == name
        ]
    except Exception:  # the user's package may fail in any way; it is only a convenience here
        return None
    return max(flows, key=lambda flow: flow.version, default=None)
