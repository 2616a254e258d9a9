"""A file is put in its place whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batchverify.errors import HomeError, InputError
from batchverify.tables.placing import check_target, place
from tests.threats import guards


@guards("modes")
def test_the_file_is_private_and_its_digest_is_that_of_its_bytes(tmp_path):
    placed = place(tmp_path / "a.csv", lambda out: out.write(b"abc") and None)

    assert placed.path.read_bytes() == b"abc"
    assert placed.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert placed.path.stat().st_mode & 0o777 == 0o600
    assert placed.note == ""


def test_an_old_result_is_replaced(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"old")

    place(tmp_path / "a.csv", lambda out: out.write(b"new") and None)

    assert (tmp_path / "a.csv").read_bytes() == b"new"


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_whatever_goes_wrong_the_old_file_stays_and_nothing_is_left(tmp_path, fault):
    (tmp_path / "a.csv").write_bytes(b"old")

    def write(out):
        out.write(b"half")
        raise fault

    with pytest.raises(fault):
        place(tmp_path / "a.csv", write)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"old"


def test_a_full_disk_says_that_nothing_is_lost(tmp_path):
    def write(out):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(HomeError) as error:
        place(tmp_path / "a.csv", write)
    assert str(error.value) == (
        "The result 'a.csv' could not be written (No space left on device). "
        "Nothing is lost: make room, then write it again with `batchverify render`."
    )
    assert list(tmp_path.iterdir()) == []


@guards("links")
@pytest.mark.parametrize("kind", ["same", "symbolic", "hard"])
def test_the_input_is_never_written_to(tmp_path, kind):
    source = tmp_path / "in.csv"
    source.write_bytes(b"theirs")
    target = tmp_path / "out.csv"
    match kind:
        case "same":
            target = source
        case "symbolic":
            target.symlink_to(source)
        case "hard":
            target.hardlink_to(source)

    with pytest.raises(InputError, match="is the input itself, and the input is never written to"):
        place(target, lambda out: out.write(b"ours") and None, source=source)
    assert source.read_bytes() == b"theirs"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"There is no folder '.*nowhere' for the result. Make it, or name another place with --output."
    ):
        check_target(tmp_path / "nowhere" / "a.csv", source=None)


def test_a_folder_is_no_target(tmp_path):
    with pytest.raises(InputError, match=r"is a folder. Name a file for the result with --output."):
        check_target(tmp_path, source=None)


def test_a_folder_that_takes_nothing_is_found_before_any_ask(tmp_path, monkeypatch):
    # Root may write anywhere, so the system's refusal is staged.
    def refuse(**_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", refuse)

    with pytest.raises(InputError, match=r"Nothing can be written in '.*' \(Permission denied\)."):
        check_target(tmp_path / "a.csv", source=None)


def test_a_target_that_another_program_holds_open_costs_only_its_name(tmp_path, monkeypatch):
    # Windows refuses to replace a file that Excel has open; staged, since Linux never does.
    real = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: _held(to) if to.name == "a.xlsx" else real(self, to))
    (tmp_path / "a.xlsx").write_bytes(b"open in Excel")
    (tmp_path / "a-2.xlsx").write_bytes(b"edited by the user")

    placed = place(tmp_path / "a.xlsx", lambda out: out.write(b"new") and None)

    assert placed.path == tmp_path / "a-3.xlsx"
    assert placed.path.read_bytes() == b"new"
    assert (tmp_path / "a-2.xlsx").read_bytes() == b"edited by the user"
    assert placed.note == "a.xlsx is open in another program, so the result is in a-3.xlsx. Close it there, then rename."


def test_when_no_name_is_free_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda _, to: _held(to))
    monkeypatch.setattr("batchverify.tables.placing._LAST_SPARE", 1)

    with pytest.raises(HomeError, match="could not be written"):
        place(tmp_path / "a.xlsx", lambda out: out.write(b"new") and None)
    assert list(tmp_path.iterdir()) == []


def test_where_folders_cannot_be_synced_it_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("batchverify.tables.placing._IS_POSIX", False)

    assert place(tmp_path / "a.csv", lambda out: out.write(b"abc") and None).path.exists()


def test_a_draft_whose_writer_was_killed_goes_when_the_same_file_is_written_next(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"old")
    _die_while_writing(tmp_path / "a.csv")
    left = [path.name for path in tmp_path.iterdir() if path.name != "a.csv"]
    assert len(left) == 1, "the death left its draft"
    assert (tmp_path / "a.csv").read_bytes() == b"old"

    place(tmp_path / "b.csv", lambda out: out.write(b"another file") and None)
    assert (tmp_path / left[0]).exists()
    place(tmp_path / "a.csv", lambda out: out.write(b"new") and None)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_the_draft_of_a_living_writer_and_files_of_strangers_stay(tmp_path):
    (tmp_path / ".bv-mine.part").write_bytes(b"theirs")
    target = tmp_path / "a.csv"

    def write(out):
        place(target, lambda inner: inner.write(b"from inside") and None)
        out.write(b"from outside")

    place(target, write)

    assert target.read_bytes() == b"from outside"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".bv-mine.part", "a.csv"]


def test_a_draft_that_is_swept_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    # The instant between making and locking a draft is staged: there another process takes it for a dead one's.
    real, swept = os.dup, []

    def sweep_first(descriptor):
        if not swept:
            swept.extend(tmp_path.glob(".bv-*.part"))
            swept[0].unlink()
        return real(descriptor)

    monkeypatch.setattr("os.dup", sweep_first)
    placed = place(tmp_path / "a.csv", lambda out: out.write(b"new") and None)

    assert len(swept) == 1
    assert placed.path.read_bytes() == b"new"


def test_where_nothing_can_be_locked_no_draft_is_taken_for_a_dead_ones(tmp_path, monkeypatch):
    _die_while_writing(tmp_path / "a.csv")

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    place(tmp_path / "a.csv", lambda out: out.write(b"new") and None)

    assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / "a.csv").read_bytes() == b"new"


def _die_while_writing(target):
    """Let another process begin to write a file and die as by `kill -9`."""
    program = "import os, pathlib, sys; from batchverify.tables.placing import place"
    program += "; place(pathlib.Path(sys.argv[1]), lambda out: os.kill(os.getpid(), 9))"
    assert subprocess.run([sys.executable, "-c", program, str(target)], check=False).returncode == -signal.SIGKILL


def _held(to):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(to))
