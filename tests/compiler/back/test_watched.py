"""Changes of files are seen, whatever their times say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pgflowc.watched import look, settled, written


def _as_before(path: Path, stat: os.stat_result) -> None:
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_text("abd")
    _as_before(path, before)


def _another_file(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_text("abc")
    _as_before(other, before)
    other.replace(path)


def _older(path: Path) -> None:
    path.write_text("abcd")
    os.utime(path, (1, 1))


@pytest.mark.parametrize("age", [0, 10])
@pytest.mark.parametrize("change", [Path.unlink, _same_size_and_time, _another_file, _older])
def test_a_change_is_seen(change: Callable[[Path], None], age: float, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("abc")
    stat = path.stat()
    os.utime(path, ns=(0, stat.st_mtime_ns - int(age * 1e9)))
    seen = settled(look([path], {}))
    assert look([path], seen) == seen
    assert settled(look([path], seen)) == seen
    change(path)
    assert look([path], seen) != seen


def test_a_second_write_within_a_tick_of_the_clock_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("abc")
    stopped = path.stat()
    monkeypatch.setattr(Path, "stat", lambda self: stopped)
    seen = look([path], {})
    assert look([path], seen) == seen
    path.write_text("abd")
    assert look([path], seen) != seen


def test_the_content_of_a_file_that_rests_is_read_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("abc")
    seen = look([path, tmp_path / "missing"], {})
    assert seen.keys() == {path}
    monkeypatch.setattr("time.time_ns", lambda: path.stat().st_ctime_ns + 10_000_000_000)
    later = look([path], seen)
    assert later == seen
    rested = settled(later)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("was read"))
    assert look([path], rested) == rested


def test_what_was_written_is_known_if_it_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert written(path, b"abc") is None
    path.write_text("abc")
    stamp = written(path, b"abc")
    assert stamp is not None
    assert look([path], {path: stamp}) == {path: stamp}
    path.write_text("abd")
    assert written(path, b"abc") is None
