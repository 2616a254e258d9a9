import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from batchverify.errors import HomeError
from batchverify.store import files
from batchverify.store.files import create_once, write_synced
from batchverify.store.home import Home, boot_id
from tests.faults import Danger, proves
from tests.threats import guards

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and flock are POSIX")


@guards("modes")
@posix
def test_a_home_and_its_folders_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        home = Home.open(tmp_path / "deep" / "home")
        home.realm(simulated=False)
        home.realm(simulated=True)
    finally:
        os.umask(before)

    folders = [home.path, *(path for path in home.path.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert Home.open(home.path) == home


@guards("modes")
@posix
def test_a_home_that_lets_others_in_is_refused_with_the_remedy(tmp_path):
    Home.open(tmp_path / "home")
    (tmp_path / "home").chmod(0o755)

    with pytest.raises(HomeError, match=r"Others may enter '.*home' \(mode 0755\).*Close it with `chmod 700 .*home`"):
        Home.open(tmp_path / "home")


@guards("links")
def test_a_home_that_is_a_file_or_a_link_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match="is not a folder of its own but a file or a link"):
        Home.open(tmp_path / "file")

    Home.open(tmp_path / "home")
    (tmp_path / "link").symlink_to(tmp_path / "home")
    with pytest.raises(HomeError, match="is not a folder of its own but a file or a link"):
        Home.open(tmp_path / "link")


@guards("modes")
@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused(tmp_path):
    Home.open(tmp_path / "home")
    os.chown(tmp_path / "home", 65534, 65534)

    with pytest.raises(HomeError, match=r"belongs to another user\. Choose another home with --home"):
        Home.open(tmp_path / "home")


def test_a_home_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(HomeError, match=r"Creating the folder '.*home' failed: .*\. Choose another home with --home") as caught:
        Home.open(tmp_path / "file" / "home")
    assert caught.value.__suppress_context__


def test_the_sandbox_has_a_ledger_a_cache_and_a_key_of_its_own(tmp_path):
    home = Home.open(tmp_path / "home")
    real, simulated = home.realm(simulated=False), home.realm(simulated=True)

    assert {real.ledger, real.cache, real.key_file}.isdisjoint({simulated.ledger, simulated.cache, simulated.key_file})
    assert simulated.folder == home.path / "sandbox"


def test_a_writable_home_passes_and_keeps_nothing_of_the_probe(tmp_path):
    home = Home.open(tmp_path / "home")
    home.check_writable()

    assert list(home.tmp.iterdir()) == []


def test_a_home_that_cannot_be_written_says_so_before_the_first_ask(tmp_path):
    home = Home.open(tmp_path / "home")
    home.tmp.rmdir()

    with pytest.raises(
        HomeError, match=r"Writing to the home '.*' failed: .*Free space there or make it writable.*Nothing was sent"
    ):
        home.check_writable()


FULL = """
import resource, signal, sys
from pathlib import Path
from batchverify.errors import HomeError
from batchverify.store.home import Home
home = Home.open(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    home.check_writable()
except HomeError as error:
    print(error)
"""


@posix
@proves(Danger.FULL_AT_START)
def test_a_full_disk_is_noticed_before_the_first_ask(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert "failed: File too large. Free space there" in found.stdout


def test_who_holds_the_lock_is_alive_and_who_let_go_is_dead(tmp_path):
    home = Home.open(tmp_path / "home")
    assert home.is_dead("run-1")

    lock = home.hold_lock("run-1")
    assert lock.name == "run-1"
    assert not home.is_dead("run-1")
    lock.release()
    lock.release()

    assert home.is_dead("run-1")
    assert list(home.locks.iterdir()) == []


def test_a_lock_file_that_nobody_holds_is_of_the_dead_and_can_be_forgotten(tmp_path):
    home = Home.open(tmp_path / "home")
    (home.locks / "run-1.lock").touch(mode=0o600)

    assert home.is_dead("run-1")
    home.forget_lock("run-1")
    home.forget_lock("run-1")
    assert list(home.locks.iterdir()) == []


def test_one_name_is_held_by_one_run(tmp_path, monkeypatch):
    monkeypatch.setattr("batchverify.store.home._PROBE_SECONDS", 0.1)
    home = Home.open(tmp_path / "home")
    lock = home.hold_lock("run-1")

    with pytest.raises(HomeError, match=r"The run lock 'run-1' is held by another process\. Wait for that run, or end it\."):
        home.hold_lock("run-1")
    lock.release()


def test_the_boot_has_a_word_that_stays(monkeypatch):
    assert boot_id() == boot_id()

    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert boot_id() == ""


def test_a_file_is_made_once_and_whole(tmp_path):
    path = tmp_path / "file"
    create_once(path, lambda fresh: write_synced(fresh, b"first"))
    create_once(path, lambda fresh: write_synced(fresh, b"second"))

    assert path.read_bytes() == b"first"
    with pytest.raises(FileExistsError):
        write_synced(path, b"third")


def test_a_creation_that_fails_leaves_no_file(tmp_path):
    def fail(fresh: Path) -> None:
        fresh.write_bytes(b"half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        create_once(tmp_path / "file", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["file.create"]


def test_a_creation_that_never_ends_elsewhere_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CREATION_TIMEOUT_SECONDS", 0.1)
    with files.FileLock(tmp_path / "file.create"), pytest.raises(HomeError, match="is being created by another process"):
        create_once(tmp_path / "file", lambda fresh: write_synced(fresh, b"x"))


def test_a_private_folder_is_gone_after_its_block(tmp_path):
    home = Home.open(tmp_path / "home")

    with home.private_folder() as folder:
        (folder / "people.csv").write_text("张三", encoding="utf-8")
        assert Home.open(home.path) == home, "opening the home meanwhile leaves it alone"
        assert (folder / "people.csv").exists()

    assert not folder.exists()


def test_what_a_dead_process_left_in_its_private_folder_goes_at_the_next_open(tmp_path):
    home = Home.open(tmp_path / "home")
    left = home.tmp / "0123456789abcdef"
    left.mkdir()
    (left / "people.csv").write_text("张三", encoding="utf-8")

    Home.open(home.path)

    assert not left.exists()
