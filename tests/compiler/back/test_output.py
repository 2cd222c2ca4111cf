"""Writing is all or nothing, whatever fails."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pgflowc import replacing
from pgflowc.open_files import is_being_written
from pgflowc.output import Change, OutputError, Status, compare, diff, write

APPEND_FOR_EVER = """
import sys
from pathlib import Path
from pgflowc.output import Change, OutputError, write

root, stubs = Path(sys.argv[1]), 0
while True:
    stubs += 1
    text = (root / "handlers").read_bytes()
    after = text.partition(b"#")[0] + b"# stub %d\\n" % stubs
    try:
        write(root, [Change("handlers", text, after)], last="lock")
    except OutputError:
        pass
"""


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "lost"


def _tree(root: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def _write(root: Path, files: dict[str, str], removed: tuple[str, ...] = ()) -> list[Change]:
    present = {path: content for path, content in _tree(root).items() if content is not None}
    changes = compare(files, removed, present)
    write(root, changes, last="lock")
    return changes


def test_files_are_created_updated_removed_or_left_alone(tmp_path: Path) -> None:
    _write(tmp_path, {"a/b/new": "1", "old": "2\n", "gone": "3"})
    untouched = (tmp_path / "old").stat().st_mtime_ns
    changes = _write(tmp_path, {"a/b/new": "changed", "old": "2\n", "lock": "{}"}, ("gone",))
    assert [(change.path, change.status) for change in changes] == [
        ("a/b/new", Status.UPDATED),
        ("gone", Status.REMOVED),
        ("lock", Status.CREATED),
        ("old", Status.UNCHANGED),
    ]
    assert _tree(tmp_path) == {"a": None, "a/b": None, "a/b/new": b"changed", "old": b"2\n", "lock": b"{}"}
    assert (tmp_path / "old").stat().st_mtime_ns == untouched


def test_the_mode_of_a_file_stays(tmp_path: Path) -> None:
    _write(tmp_path, {"run": "1"})
    (tmp_path / "run").chmod(0o750)
    _write(tmp_path, {"run": "2"})
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o750


def test_a_directory_in_the_place_of_a_file_stops_everything(tmp_path: Path) -> None:
    _write(tmp_path, {"a": "1"})
    (tmp_path / "z").mkdir()
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match="z is a directory"):
        _write(tmp_path, {"a": "2", "new/b": "1", "z": "1"})
    assert _tree(tmp_path) == before


def test_a_rename_that_fails_undoes_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, {"a": "1", "gone": "1"})
    before = _tree(tmp_path)
    link = os.link

    def fail_on_lock(source: Path, target: Path) -> None:
        if target.name == "lock":
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr(os, "link", fail_on_lock)
    with pytest.raises(OutputError, match="lock: No space left on device"):
        _write(tmp_path, {"a": "2", "new/b": "1", "lock": "{}"}, ("gone",))
    assert _tree(tmp_path) == before


def test_the_lock_is_put_in_place_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    link = os.link

    def record(source: Path, target: Path) -> None:
        order.append(target.name)
        link(source, target)

    monkeypatch.setattr(os, "link", record)
    _write(tmp_path, {"a": "1", "lock": "{}", "z": "1"})
    assert order == ["a", "z", "lock"]


@pytest.mark.parametrize("link", ["inner", "inner/file"])
def test_links_that_lead_out_are_not_followed(link: str, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    if link == "inner":
        (root / link).symlink_to(outside)
    else:
        (root / "inner").mkdir()
        (outside / "file").write_text("theirs")
        (root / link).symlink_to(outside / "file")
    with pytest.raises(OutputError, match="leads out of the project"):
        write(root, [Change("inner/file", None, b"ours")], last="lock")
    assert not (outside / "file").exists() or (outside / "file").read_text() == "theirs"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "a\nb\n"),
        ("a\nb\n", "a\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\n", "a\nb"),
        ("form\x0cfeed\u2028\n", "form\x0cfeed\u2028\nx\n"),
        ("a\n", None),
    ],
)
def test_diffs_apply(before: str | None, after: str | None, tmp_path: Path) -> None:
    old = before.encode() if before is not None else None
    new = after.encode() if after is not None else None
    if old is not None:
        (tmp_path / "file").write_bytes(old)
    text = diff([Change("file", old, new), Change("other", b"same", b"same")])
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=text.encode(), check=True)
    assert ((tmp_path / "file").read_bytes() if (tmp_path / "file").exists() else None) == new


def test_what_changed_in_the_meantime_is_not_written_over(tmp_path: Path) -> None:
    _write(tmp_path, {"handlers": "mine", "z": "1"})
    changes = compare({"a": "1", "handlers": "mine, stub"}, (), {"handlers": b"mine"})
    (tmp_path / "handlers").write_text("mine, and saved while pgflowc compiled")
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match="handlers was changed in the meantime"):
        write(tmp_path, changes, last="lock")
    assert _tree(tmp_path) == before


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="the system does not tell who writes a file")
def test_what_somebody_is_writing_is_not_written_over(tmp_path: Path) -> None:
    _write(tmp_path, {"handlers": "", "z": "1"})
    changes = compare({"a": "1", "handlers": "stub"}, (), {"handlers": b""})
    with (tmp_path / "handlers").open("w") as editor:
        with pytest.raises(OutputError, match="handlers is being written"):
            write(tmp_path, changes, last="lock")
        editor.write("mine")
    assert _tree(tmp_path) == {"handlers": b"mine", "z": b"1"}


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="the system does not tell who writes a file")
def test_a_file_system_that_calls_all_files_written_is_not_believed(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    with ExitStack() as stack:
        for path in paths[:2]:
            stack.enter_context(path.open("w"))
        assert not is_being_written(paths[0])
        paths[2].write_text("at rest")
        assert is_being_written(paths[0])
        assert not is_being_written(paths[2])
        assert not is_being_written(tmp_path / "missing")
    assert not is_being_written(paths[0])


@pytest.mark.parametrize("after", ["mine, stub", None])
def test_what_is_saved_while_files_are_put_in_place_stays(
    after: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, {"handlers": "mine"})
    files = {"a": "1"} | ({"handlers": after} if after is not None else {})
    changes = compare(files, () if after else ("handlers",), {"handlers": b"mine"})
    link = os.link

    def save_meanwhile(source: Path, target: Path) -> None:
        link(source, target)
        if target.name == "a":
            (tmp_path / "handlers").write_text("mine, saved just now")

    monkeypatch.setattr(os, "link", save_meanwhile)
    with pytest.raises(OutputError, match="handlers was changed in the meantime"):
        write(tmp_path, changes, last="lock")
    assert _tree(tmp_path) == {"handlers": b"mine, saved just now"}


def test_what_is_saved_at_any_moment_stays(tmp_path: Path) -> None:
    """The order of reading, comparing and renaming leaves no moment in which a save is lost, and none in
    which it matters that the writer is killed.
    """
    path = tmp_path / "handlers"
    path.write_text("mine\n")
    chance = random.Random(7)
    with ExitStack() as running:

        def start() -> subprocess.Popen[bytes]:
            process = subprocess.Popen([sys.executable, "-c", APPEND_FOR_EVER, str(tmp_path)])
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        for number in range(400):
            if number % 40 == 0:
                writer = start()
                _until(lambda: "#" in path.read_text())  # it is at work
            text = f"mine, for the {number}. time\n"
            if chance.random() < 0.5:
                path.write_text(text)
            else:
                path.with_name("new").write_text(text)
                path.with_name("new").replace(path)
            if number % 40 == 39:
                writer.kill()
                writer.wait()
                _write(tmp_path, {"lock": str(number)})  # so does the next one that writes
            time.sleep(chance.choice((0, 0.0001, 0.001)))  # to meet the writer somewhere else each time
            # What was there before may be seen for a moment, while it comes out and goes back.
            _until(lambda text=text: path.exists() and path.read_text().startswith(text))


@pytest.mark.parametrize("after", ["2", None])
@pytest.mark.parametrize("saved_again", [False, True])
def test_what_is_saved_before_a_writer_is_killed_comes_back(
    after: str | None, saved_again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, {"handlers": "1"})
    path = tmp_path / "handlers"
    call = "_exchange" if after else "_is_untouched"
    original = getattr(replacing, call)

    def die(*arguments: Any) -> bool:
        if after:
            path.write_text("saved just now")
            original(*arguments)
        else:
            arguments[0].write_text("saved just now")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replacing, call, die)
        with pytest.raises(KeyboardInterrupt):
            _write(tmp_path, {"handlers": after} if after else {}, () if after else ("handlers",))
    assert (path.read_text() == "2") if after else not path.exists()
    if saved_again:
        path.write_text("saved again")
    _write(tmp_path, {"lock": "{}"})
    expected = b"saved again" if saved_again else b"saved just now"
    assert _tree(tmp_path) == {"handlers": expected, "lock": b"{}"}


def test_a_file_system_that_cannot_exchange_files_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgflowc.replacing._exchange", lambda one, other: False)
    _write(tmp_path, {"a": "1"})
    _write(tmp_path, {"a": "2"})
    assert _tree(tmp_path) == {"a": b"2"}
    link = os.link

    def save_meanwhile(source: Path, target: Path) -> None:
        link(source, target)
        source.write_text("saved just now")

    monkeypatch.setattr(os, "link", save_meanwhile)
    with pytest.raises(OutputError, match="a was changed in the meantime"):
        _write(tmp_path, {"a": "3"})
    assert _tree(tmp_path) == {"a": b"saved just now"}


def test_what_another_process_wrote_already_is_fine(tmp_path: Path) -> None:
    changes = compare({"a": "1", "lock": "{}"}, (), {})
    write(tmp_path, changes, last="lock")
    before = _tree(tmp_path)
    write(tmp_path, changes, last="lock")
    assert _tree(tmp_path) == before


def test_temporary_files_of_a_killed_process_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a/b": "1", "lock": "{}"}

    def die(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        with pytest.raises(KeyboardInterrupt):
            _write(tmp_path, files)
    assert [path.name for path in tmp_path.rglob("*tmp")]
    write(tmp_path, compare(files, (), {}), last="lock")
    assert _tree(tmp_path) == {"a": None, "a/b": b"1", "lock": b"{}"}
