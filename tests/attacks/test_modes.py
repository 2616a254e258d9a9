"""A home is its owner's alone, file by file, and nothing in it leads out of it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from batchverify.errors import HomeError
from batchverify.job.clock import SystemClock
from batchverify.job.doctor import examine
from batchverify.job.realm import open_realm
from batchverify.store.home import Home
from batchverify.store.modes import loose_files, refuse_loose
from tests.builders import rows
from tests.campaigns import processes
from tests.threats import guards

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")

#: What a home has after a job, below it, and what may come beside it.
LOOSE = [
    "sandbox/ledger.sqlite",
    "sandbox/ledger.sqlite-wal",
    "sandbox/ledger.sqlite-shm",
    "sandbox/master.key",
    "sandbox/cache/cache.db",
    "sandbox/cache/cache.db-wal",
    "sandbox/cache",
    "sandbox",
    "tmp",
    "locks",
    "appcode",
    "appcode.new",
    "master.key",
    "master.key.new",
    "ledger.sqlite",
    "ledger.sqlite-journal",
    "ledger.sqlite.before-version-3",
    "profiles.json",
    "people.json",
    "certificates/purge.json",
    "desk",
]


def put(path: Path, mode: int) -> None:
    """Give a path, which may not be there, a mode."""
    if path.name == "desk":
        path.mkdir(exist_ok=True)
    elif not path.exists():
        path.parent.mkdir(exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    path.chmod(mode)


@guards("modes")
def test_a_loose_file_of_a_home_is_refused_with_the_remedy_that_mends_it(desk):
    desk.verify(rows(1))
    for name in LOOSE:
        path = desk.home / name
        put(path, 0o750 if path.is_dir() or name == "desk" else 0o640)

        with pytest.raises(HomeError) as caught:
            Home.open(desk.home).realm(simulated=True)

        if name not in {"tmp", "locks"}:  # of these it has had its own sentence since the beginning
            mode = stat.S_IMODE(path.stat().st_mode)
            told = f"Others may read or change {str(path)!r} (mode {mode:04o}). Close it with `chmod -R go= {desk.home}`. Nothing was sent."
            assert str(caught.value) == told
        assert caught.value.exit_code == 5
        for found in (desk.home, *desk.home.rglob("*")):  # what the remedy does
            found.chmod(stat.S_IMODE(found.stat().st_mode) & 0o700)
        Home.open(desk.home).realm(simulated=True)


@guards("links")
@pytest.mark.parametrize(
    "name", ["ledger.sqlite", "ledger.sqlite-wal", "profiles.json", "config.toml", "cache", "desk", "sandbox"]
)
def test_a_link_that_was_planted_in_a_home_is_not_followed(desk, tmp_path, name):
    desk.verify(rows(1))
    there = desk.home / name
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"# theirs")
    if there.exists():
        there.rename(tmp_path / "aside")
    there.symlink_to(theirs)

    with pytest.raises(HomeError):
        desk.verify(rows(1))

    assert theirs.read_bytes() == b"# theirs"


@guards("links")
def test_a_pipe_in_the_place_of_a_file_of_ours_is_refused_and_not_waited_for(desk):
    desk.verify(rows(1))
    os.mkfifo(desk.home / "profiles.json", mode=0o600)

    with pytest.raises(HomeError, match=r"is a link or no file at all, and leads out of the home\. Put the file itself there"):
        desk.verify(rows(1))


@guards("modes")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_in_a_home_is_refused(desk):
    desk.verify(rows(1))
    os.chown(desk.home / "sandbox" / "ledger.sqlite", 65534, 65534)

    with pytest.raises(HomeError, match="belongs to another user"):
        desk.verify(rows(1))


def test_settings_that_somebody_wrote_by_hand_may_be_read_by_others_and_not_written(desk):
    Home.open(desk.home)
    config = desk.home / "config.toml"
    config.write_text("", "utf-8")
    config.chmod(0o644)
    (desk.home / "a note of mine.txt").touch(mode=0o644)
    refuse_loose(desk.home)

    config.chmod(0o666)
    with pytest.raises(HomeError, match=r"change '.*config\.toml' \(mode 0666\)"):
        refuse_loose(desk.home)


@guards("modes")
def test_doctor_looks_at_every_file_however_deep(desk):
    desk.verify(rows(1))
    deep = desk.home / "desk" / "cases" / "c-1"
    deep.mkdir(parents=True)
    for folder in (deep, deep.parent, deep.parent.parent):
        folder.chmod(0o700)
    (deep / "people.csv").touch(mode=0o600)
    (deep / "people.csv").chmod(0o604)
    refuse_loose(desk.home)

    assert loose_files(desk.home) == [f"Others may read or change {str(deep / 'people.csv')!r} (mode 0604)."]
    (finding,) = [one for one in examine(desk.home, desk.settings()) if one.what == "home"]
    assert (finding.is_well, finding.detail.endswith(f"Close all of it with `chmod -R go= {desk.home}`.")) == (False, True)


@guards("modes")
@pytest.mark.slow
def test_after_each_command_every_file_it_wrote_is_its_users_alone(tmp_path, sandbox):
    """By a real process under the umask of most machines: home, results, exports, reports, certificates, logs."""
    vendor = {"BATCHVERIFY_ENDPOINT": sandbox.endpoint, "BATCHVERIFY_APPCODE": "sandbox"}
    desk = processes.Desk(folder=tmp_path, environment=vendor)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "people.csv").write_text("姓名,身份证号,银行卡号\n王一,110101196001010003,6217000000000000004\n", "utf-8")
    before = set(tmp_path.rglob("*"))
    log = ("--log-level", "debug", "--log-file", "log.txt")
    run = desk.run("run", "people.csv", "--yes", "--json", "--split", *log)
    assert run.code == 0, run.err
    job = run.json["job"]
    for command in (
        ("report", job, "-o", "report.html"),
        ("template", "-o", "blank.xlsx"),
        ("quota", "usage", "--sandbox", "--export", "usage.csv"),
        ("purge", "--yes", "--older-than", "40"),
        ("key", "rotate"),
    ):
        ended = desk.run(*command)
        assert ended.code == 0, (command, ended.err)

    written = [path for path in tmp_path.rglob("*") if path not in before]
    loose = [str(path) for path in written if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert len(written) > 20
    assert {"log.txt", "report.html", "usage.csv", "blank.xlsx", "master.key"} <= {path.name for path in written}
    assert loose == []
    with open_realm(tmp_path / "home", simulated=True, clock=SystemClock()) as realm:
        assert loose_files(realm.home.path) == [], "the ledger's log and its index too"
