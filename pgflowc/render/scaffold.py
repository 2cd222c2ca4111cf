"""The files of a new project: they compile and run as they are."""

from __future__ import annotations

from pgflowc.render.templates import fill
from pgflowc.spec.json_schema import flow_schema

KEPT = {
    ".gitignore": ".pgflowc/",
    ".pre-commit-config.yaml": "the hooks you want",
    "pytest.ini": "pythonpath = .",
}
"""Files that many directories have already, which are left alone, and what should be added to them."""

_TEMPLATES = {
    "pgflowc.toml": "pgflowc.toml",
    "flows/greet.yaml": "flow.yaml",
    "{directory}/handlers/greet.py": "handlers.py",
    "tests/test_greet.py": "test_flow.py",
    "pytest.ini": "pytest.ini",
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
