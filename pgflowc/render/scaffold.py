"""The files of a new project: they compile and run as they are."""

from __future__ import annotations

from pgflowc.render.templates import fill
from pgflowc.spec.json_schema import flow_schema

KEPT = (".gitignore", ".pre-commit-config.yaml")
"""Files that many directories have already; theirs are left alone."""

_TEMPLATES = {
    "pgflowc.toml": "pgflowc.toml",
    "flows/greet.yaml": "flow.yaml",
    "{directory}/handlers/greet.py": "handlers.py",
    ".github/workflows/pgflowc.yml": "workflow.yml",
    ".pre-commit-config.yaml": "pre-commit-config.yaml",
    ".gitignore": "gitignore",
}


def scaffold(package: str) -> dict[str, str]:
    """The texts of a project whose code lives in `package` (dotted), by path; the schema is for editors."""
    directory = package.replace(".", "/")
    texts = {
        path.format(directory=directory): fill(f"init/{template}.jinja", package=package)
        for path, template in _TEMPLATES.items()
    }
    return {**texts, "schemas/flow.schema.json": flow_schema()}
