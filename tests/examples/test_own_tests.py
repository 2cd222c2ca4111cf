"""The examples' own tests, which use the plugin of pytest as those of a user's project do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pgflowc.database.cluster import Cluster

CHECKOUT = Path(__file__).resolve().parents[2]


def run_pytest(directory: Path, *options: str, code: int = 0) -> str:
    """What `pytest` in that directory prints."""
    foreign = ("PG", "PYTEST", "ARTICLES_", "SHOP_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("pytest"),
            *("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"),
            *options,
        ],
        cwd=directory,
        env={**inherited, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_orders_on_a_server_that_is_named(cluster: Cluster, tmp_path: Path) -> None:
    """And with them the tests that docs/testing.md shows."""
    project = tmp_path / "orders"
    ignored = shutil.ignore_patterns(".pgflowc", "__pycache__")
    shutil.copytree(CHECKOUT / "examples/orders", project, ignore=ignored)
    page = (CHECKOUT / "docs/testing.md").read_text("utf-8")
    *tests, fixtures = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    for number, test in enumerate(tests):
        (project / f"tests/test_page_{number}.py").write_text(test, "utf-8")
    with (project / "tests/conftest.py").open("a") as conftest:
        conftest.write(fixtures)
    with (project / "pgflowc.toml").open("a") as settings:
        settings.write('\n[worker]\npatterns = ["sync_*=shop.accounts"]\n')
    (project / "shop/accounts.py").write_text(
        "def fetch(input, ctx): ...\n\n\ndef count(deps, ctx):\n    return len(deps['fetch'])\n"
    )
    shown = run_pytest(project, "--pgflowc-dsn", cluster.dsn())
    assert re.search(rf"\b{9 + len(tests)} passed in", shown)


def test_articles_on_a_private_server() -> None:
    shown = run_pytest(CHECKOUT / "examples/articles")
    assert re.search(r"\b4 passed in", shown)


def test_nightly_on_a_server_that_is_named(cluster: Cluster) -> None:
    shown = run_pytest(CHECKOUT / "examples/nightly", "--pgflowc-dsn", cluster.dsn())
    assert re.search(r"\b2 passed in", shown)


def test_approvals_on_a_server_that_is_named(cluster: Cluster, tmp_path: Path) -> None:
    """And with them the handler and the test that docs/signals.md shows; its steps are those of the spec."""
    project = tmp_path / "approvals"
    ignored = shutil.ignore_patterns(".pgflowc", "__pycache__")
    shutil.copytree(CHECKOUT / "examples/approvals", project, ignore=ignored)
    page = (CHECKOUT / "docs/signals.md").read_text("utf-8")
    handler, test = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    spec = re.sub(
        r"^    description: .*\n", "", (project / "flows/purchase.yaml").read_text("utf-8"), flags=re.M
    )
    for step in re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S):
        assert step in spec
    own = (project / "tests/test_purchase.py").read_text("utf-8")
    (project / "tests/test_page.py").write_text(f"{own.partition('def ')[0]}{test}", "utf-8")
    with (project / "buying/handlers/purchase.py").open("a") as handlers:
        handlers.write(handler)
    shown = run_pytest(project, "--pgflowc-dsn", cluster.dsn())
    assert re.search(r"\b6 passed in", shown)


def test_a_directory_without_a_project_is_told_so(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text("def test_it(run_flow):\n    run_flow('nowhere')\n")
    shown = run_pytest(tmp_path, "--pgflowc-dsn", cluster.dsn(), code=1)
    assert f"there is no pgflowc.toml in {tmp_path}" in shown
    assert "help: say where: pgflowc_project = DIR" in shown
    assert "Traceback" not in shown
    unreachable = run_pytest(tmp_path, "--pgflowc-dsn", "host=/nonexistent dbname=x", code=1)
    assert "no connection to postgresql:///x?host=/nonexistent" in unreachable
    assert "def pgflowc_template" not in unreachable


def test_the_plugin_is_light() -> None:
    heavy = ("psycopg", "pydantic", "pgflowc_runtime", "ruamel")
    program = f"import sys, pgflowc.pytest_plugin; print([x for x in {heavy} if x in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
