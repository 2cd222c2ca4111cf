"""What is published works away from the checkout: the wheel, and the wheel built from the sdist."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"pgflowc", "pgflowc_language", "pgflowc_runtime"}
SPEC = """\
flow: greet
input: {name: str}
steps:
  hello: {output: str}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The `sdist`, and the wheels made from the `checkout` and `from sdist`; needs no network."""
    wheels = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir"]
    subprocess.run([*build, wheels / "from sdist", ROOT], check=True, capture_output=True)
    subprocess.run([*build, wheels / "checkout", "--wheel", ROOT], check=True, capture_output=True)
    return {
        "sdist": next((wheels / "from sdist").glob("*.tar.gz")),
        "from sdist": next((wheels / "from sdist").glob("*.whl")),
        "checkout": next((wheels / "checkout").glob("*.whl")),
    }


def test_both_wheels_hold_the_same_files(built: dict[str, Path]) -> None:
    names = [set(zipfile.ZipFile(built[wheel]).namelist()) for wheel in ("checkout", "from sdist")]
    assert names[0] == names[1]
    packaged = {name.removeprefix("pgflowc/_resources/") for name in names[0] if "_resources/" in name}
    for resource in ("templates", "sql", "schemas"):
        for path in (ROOT / resource).rglob("*"):
            assert path.is_dir() or path.relative_to(ROOT).as_posix() in packaged
    assert {f"{package}/py.typed" for package in PACKAGES} <= names[0]
    assert {name.split("/")[0].split("-")[0] for name in names[0]} == PACKAGES


def test_the_sdist_holds_no_more_than_the_sources(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as archive:
        top = {name.split("/")[1] for name in archive.getnames()}
    assert not top & {"tests", "examples", "benchmarks", ".venv", ".ci"}
    assert {"LICENSE", "README.md", "pyproject.toml"} <= top


@pytest.mark.parametrize("wheel", ["checkout", "from sdist"])
def test_an_installed_wheel_compiles_a_project(wheel: str, built: dict[str, Path], tmp_path: Path) -> None:
    python = _install(built[wheel], tmp_path / "venv")
    project = tmp_path / "project"
    (project / "flows").mkdir(parents=True)
    (project / "pgflowc.toml").write_text('package = "shop"\n')
    (project / "flows" / "greet.yaml").write_text(SPEC)

    where = (
        "import pgflowc, pgflowc_runtime, pgflowc.resources as r; print(pgflowc.__file__, r.resource_root())"
    )
    shown = _run(project, python, "-I", "-c", where)
    assert str(tmp_path / "venv") in shown
    assert str(ROOT) not in shown
    assert "wrote" in _run(project, python.parent / "pgflowc", "compile")
    assert (project / "migrations" / "0001_create_greet.sql").is_file()
    # What was generated runs with the runtime alone.
    alone = "import sys; sys.path.insert(0, '.'); import shop.registry; print('pgflowc' in sys.modules)"
    assert _run(project, python, "-I", "-c", alone).strip() == "False"


def _install(wheel: Path, directory: Path) -> Path:
    """A fresh environment with the wheel alone; its dependencies are those of the environment of the tests.

    They come through a .pth file, whose directory is only searched: the editable install in it, itself a .pth
    file, has no effect.
    """
    venv.create(directory, symlinks=True, with_pip=False)
    python = directory / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    purelib = _run(directory, python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    Path(purelib.strip(), "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


def _run(directory: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
