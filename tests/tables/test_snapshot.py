import hashlib
import os
import threading
from pathlib import Path

import pytest

from batchverify.errors import HomeError, InputError
from batchverify.tables.snapshot import Snapshot


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(b"0123456789" * 300_000)
    return path


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "private"
    path.mkdir()
    return path


@pytest.fixture
def take(folder):
    taken = []

    def snapshot(source, **options):
        taken.append(Snapshot.take(source, temporary=folder, **options))
        return taken[-1]

    yield snapshot
    for one in taken:
        one.close()


@pytest.fixture(params=["pread", "seek"])
def way(request, monkeypatch):
    """Both ways to read: with pread, and with lock and seek as on Windows."""
    if request.param == "seek":
        monkeypatch.delattr(os, "pread", raising=False)


def test_an_edit_during_the_run_changes_nothing(way, source, take):
    before = source.read_bytes()
    snapshot = take(source)
    source.write_bytes(b"changed")

    with snapshot.open() as opened:
        assert opened.read() == before
    assert snapshot.size_bytes == len(before)
    assert snapshot.sha256 == hashlib.sha256(before).hexdigest()


def test_the_copy_has_no_name(source, take, folder):
    take(source)

    assert list(folder.iterdir()) == []


def test_readers_do_not_disturb_each_other(way, source, take):
    snapshot = take(source)
    wrong = []

    def read():
        with snapshot.open() as opened:
            while chunk := opened.read(9_990):
                if not (b"0123456789" * 1000).startswith(chunk):
                    wrong.append(chunk)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_reader_seeks_from_everywhere(source, take):
    with take(source).open() as opened:
        assert (opened.seek(-3, os.SEEK_END), opened.read()) == (2_999_997, b"789")
        assert (opened.seek(5), opened.read(2), opened.seek(1, os.SEEK_CUR), opened.read(1)) == (5, b"56", 8, b"8")
        with pytest.raises(ValueError, match=r"^A reader cannot be set before the start of its file\.$"):
            opened.seek(-1)


def test_a_missing_file_is_named(tmp_path, take):
    with pytest.raises(InputError, match=r"^There is no file '.*nobody\.csv'\. Check the name and the folder\.$"):
        take(tmp_path / "nobody.csv")


def test_a_folder_is_no_spreadsheet(tmp_path, take):
    with pytest.raises(InputError, match=r"^'.*' is a folder\. Name the spreadsheet in it\.$"):
        take(tmp_path)


def test_a_device_is_no_spreadsheet(take):
    with pytest.raises(InputError, match=r"is not a regular file\. Save it as one first\.$"):
        take(Path(os.devnull))


def test_an_empty_file_is_told(tmp_path, take):
    (tmp_path / "empty.csv").touch()

    with pytest.raises(InputError, match=r"^empty\.csv is empty\. Was it saved before it was copied here\?$"):
        take(tmp_path / "empty.csv")


def test_a_file_above_the_limit_is_refused(source, take):
    with pytest.raises(InputError, match=r"^people\.csv has 3 MB; the limit is 1 MB\. Split it into several files\.$"):
        take(source, max_size_bytes=1 << 20)


def test_a_name_that_no_system_takes_is_told(tmp_path, take):
    with pytest.raises(InputError, match=r"cannot be looked at \(File name too long\)\. Check who may read it\.$"):
        take(tmp_path / ("x" * 300))


def test_a_folder_that_takes_no_copy_is_the_homes_fault(source, tmp_path):
    with pytest.raises(
        HomeError, match=r"^No private copy can be made in '.*gone' \(No such file or directory\)\. Check that folder\.$"
    ):
        Snapshot.take(source, temporary=tmp_path / "gone")


def test_a_closed_snapshot_is_gone(source, take):
    snapshot = take(source)
    opened = snapshot.open()
    snapshot.close()

    with pytest.raises(ValueError, match="closed"):
        opened.read()
