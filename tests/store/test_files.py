"""Files and folders come into being whole, and their names are durable."""

from __future__ import annotations

import os
from pathlib import Path

from batchverify.store.files import create_once, make_folder, write_synced
from batchverify.store.home import Home


def _watch_syncs(monkeypatch):
    """Note which folders are synced, and sync them."""
    real, synced = os.fsync, []

    def fsync(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    return synced


def test_each_new_folder_above_a_home_has_a_durable_name(tmp_path, monkeypatch):
    synced = _watch_syncs(monkeypatch)

    make_folder(tmp_path / "a" / "b" / "c", mode=0o700)

    assert synced == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o700
    make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3, "one that is there is left alone"


def test_a_home_whose_maker_died_early_is_durable_before_the_first_ask(tmp_path, monkeypatch):
    home = Home.open(tmp_path / "home")
    synced = _watch_syncs(monkeypatch)

    home.check_writable()

    assert {str(home.tmp), str(home.path), str(tmp_path)} <= set(synced)


def test_a_file_whose_maker_died_before_its_name_was_durable_is_synced_by_who_finds_it(tmp_path, monkeypatch):
    write_synced(tmp_path / "file", b"whole")
    synced = _watch_syncs(monkeypatch)

    create_once(tmp_path / "file", lambda fresh: write_synced(fresh, b"another"))

    assert synced == [str(tmp_path)]
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_what_a_maker_that_was_killed_left_beside_the_file_goes_when_it_is_made(tmp_path):
    (tmp_path / ".file.abc").mkdir()
    (tmp_path / ".file.abc" / "file").write_bytes(b"half")

    create_once(tmp_path / "file", lambda fresh: write_synced(fresh, b"whole"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "file.create"]


def test_a_scratch_file_that_a_killed_run_left_goes_when_the_home_is_opened(tmp_path):
    home = Home.open(tmp_path / "home")
    (home.tmp / "plan-abc.sqlite").write_bytes(b"")
    (home.tmp / "else").write_bytes(b"")

    Home.open(home.path)

    assert [path.name for path in home.tmp.iterdir()] == ["else"]
