"""The short form of the power cuts, the disk that forgets, and that a ledger which forgets is seen."""

from __future__ import annotations

import os
import random

import pytest

from tests.campaigns import disk_faults, system_trace
from tests.campaigns.disk_faults import quick_folder
from tests.campaigns.disk_model import Disk, Loss
from tests.campaigns.power_cut import RECIPES, Recipe, Tally, cut_everywhere, traced
from tests.campaigns.processes import VendorProcess
from tests.campaigns.system_trace import Step
from tests.faults import Danger, proves

# In the gate a machine that cannot trace is a failure, not an excuse.
needs_strace = pytest.mark.skipif(
    bool(system_trace.why_not()) and not os.environ.get("CI"), reason=system_trace.why_not() or "strace is here"
)


@pytest.fixture(scope="module")
def one_vendor():
    with VendorProcess("--latency-ms", "5") as process:
        yield process


@pytest.fixture
def room():
    with quick_folder() as folder:
        yield folder


@proves(Danger.POWER_CUT)
@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES[:4], ids=lambda recipe: recipe.name)
def test_a_power_cut_at_any_instant_forgets_no_ask_and_lets_none_be_paid_twice(room, one_vendor, recipe):
    recorded, tally = traced(recipe, room, one_vendor), Tally()

    cut_everywhere(recorded, tally, cuts=40, resumes=4, draw=random.Random(20))

    assert tally.broken == []
    assert tally.missing == 0
    assert tally.resumes == 4
    assert min(tally.asks, tally.cuts) >= 80
    assert tally.opened["refused"] == 0
    begun = [
        step for step in recorded.steps if step.name == "write" and step.path.endswith("ledger.sqlite-wal") and not step.offset
    ]
    assert recipe.name != "copied back" or len(begun) >= 3, "how often the log was begun anew"


#: What a careless hand could change, and no other test would notice: a process that is killed loses nothing by it.
_PLANTED = {
    "synchronous NORMAL": ("store/ledger/schema.py", "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"),
    "synchronous OFF": ("store/ledger/schema.py", "PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),
    "the names of new folders unsynced": ("store/files.py", "os.fsync(descriptor)", "pass"),
}


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("planted", _PLANTED)
def test_a_ledger_that_is_less_careful_forgets_asks_in_a_power_cut(room, one_vendor, planted):
    recorded, tally = traced(Recipe(name=planted, changes=[_PLANTED[planted]]), room, one_vendor), Tally()

    cut_everywhere(recorded, tally, cuts=0, resumes=0, draw=random.Random(1))

    assert tally.missing > 0
    assert any("asks had left and have no intent" in fault or "does not open" in fault for fault in tally.broken)


def _disk(tmp_path, *steps: Step) -> Disk:
    disk = Disk(tmp_path)
    for at, step in enumerate(steps):
        disk.do(Step(name=step.name, path=step.path, target=step.target, offset=step.offset, content=step.content, began=at))
    return disk


def _left(disk: Disk, loss: Loss) -> dict[str, bytes]:
    disk.put_down(loss, random.Random(1))
    return {str(path.relative_to(disk.root)): path.read_bytes() for path in sorted(disk.root.rglob("*")) if path.is_file()}


def test_bytes_are_safe_once_their_file_was_synced_and_a_name_once_its_folder_was(tmp_path):
    (tmp_path / "old").write_bytes(b"theirs")
    path = str(tmp_path / "new")
    written = [Step(name="create", path=path), Step(name="write", path=path, content=b"ours"), Step(name="sync", path=path)]
    named = [*written, Step(name="sync", path=str(tmp_path)), Step(name="write", path=path, content=b"more", offset=4)]
    names_first = [written[0], Step(name="sync", path=str(tmp_path)), written[1]]

    assert _left(_disk(tmp_path, *written), Loss.ALL) == {"old": b"theirs"}, "the bytes are safe and nobody finds them"
    assert _left(_disk(tmp_path, *written), Loss.BYTES) == {"old": b"theirs", "new": b"ours"}
    (tmp_path / "new").unlink()
    assert _left(_disk(tmp_path, *names_first), Loss.ALL) == {"old": b"theirs", "new": b""}
    (tmp_path / "new").unlink()
    assert _left(_disk(tmp_path, *named), Loss.ALL) == {"old": b"theirs", "new": b"ours"}
    (tmp_path / "new").unlink()
    assert _left(_disk(tmp_path, *named), Loss.NOTHING) == {"old": b"theirs", "new": b"oursmore"}


def test_a_file_renamed_over_another_is_one_or_the_other(tmp_path):
    (tmp_path / "result").write_bytes(b"old")
    draft, result = str(tmp_path / "draft"), str(tmp_path / "result")
    renamed = [
        Step(name="create", path=draft),
        Step(name="write", path=draft, content=b"new"),
        Step(name="rename", path=draft, target=result),
    ]
    synced = [*renamed[:2], Step(name="sync", path=draft), renamed[2]]

    assert _left(_disk(tmp_path, *renamed), Loss.ALL) == {"result": b"old"}
    (tmp_path / "result").write_bytes(b"old")
    assert _left(_disk(tmp_path, *renamed), Loss.BYTES) == {"result": b""}, (
        "the famous empty file: named before its bytes were safe"
    )
    (tmp_path / "result").write_bytes(b"old")
    assert _left(_disk(tmp_path, *synced), Loss.BYTES) == {"result": b"new"}


def test_half_of_a_write_and_later_ones_without_earlier_ones_are_among_what_a_cut_leaves(tmp_path):
    (tmp_path / "log").write_bytes(b"")
    path = str(tmp_path / "log")
    disk = _disk(tmp_path, *(Step(name="write", path=path, content=bytes([at]) * 4096, offset=4096 * at) for at in range(1, 5)))
    draw = random.Random(3)
    seen = set()
    for loss in (Loss.SOME, Loss.TORN):
        for _ in range(60):
            disk.put_down(loss, draw)
            seen.add((tmp_path / "log").read_bytes())

    assert any(len(content) % 4096 and len(content) % 512 == 0 for content in seen), "torn at a sector"
    assert any(content[4096:8192] == bytes(4096) and content[8192:] for content in seen), (
        "the first is lost, a later one is there"
    )


def test_the_trace_tells_what_was_done_and_what_was_begun_before(tmp_path):
    lines = [
        (1, 'openat(AT_FDCWD<"cwd">, "{new}", O_RDWR|O_CREAT|O_EXCL, 0600) = 5<{new}>'),
        (1, 'write(5<{new}>, "{ab}", 2) = 2'),
        (1, "fdatasync(5<{new}> <unfinished ...>"),
        (2, 'write(5<{new}>, "{ab}", 2) = 1'),
        (1, "<... fdatasync resumed>) = 0"),
        (2, 'unlink("{new}") = -1 ENOENT (No such file or directory)'),
        (2, 'write(9<{socket}>, "{get}", 40 <unfinished ...>'),
    ]
    spelled = {"new": str(tmp_path / "new"), "ab": "ab", "socket": "socket:[7]"} | {
        "get": "GET /bank3Check?name=%E7%8E%8B&idCard=1&accountNo=2 HTTP/1.1\r\n",
        "cwd": "/",
    }
    escaped = {word: "".join(f"\\x{byte:02x}" for byte in text.encode()) for word, text in spelled.items()}
    trace = tmp_path / "trace"
    text = "\n".join(f"{thread} 1.5 {line}" for thread, line in lines).replace('<"cwd">', "<{cwd}>")
    for word, code in escaped.items():
        text = text.replace("{" + word + "}", code)
    trace.write_text(text, "ascii")

    steps = system_trace.steps_of(trace, below=tmp_path)

    assert [(step.name, step.offset, step.content[:4], step.began) for step in steps] == [
        ("create", -1, b"", 0),
        ("write", 0, b"ab", 1),
        ("write", 2, b"a", 2),
        ("sync", 0, b"", 2),
        ("send", 0, b"GET ", 4),
    ]
    assert system_trace.question_of(steps[-1]) == ("王", "1", "2")


def test_the_places_of_the_sweep_are_told_apart(tmp_path):
    place = disk_faults.place_below(tmp_path)

    assert {name: place(str(tmp_path / name)) for name in ("home/sandbox/ledger.sqlite-wal", "home", "people.csv")} == {
        "home/sandbox/ledger.sqlite-wal": "ledger's log",
        "home": "folders",
        "people.csv": "",
    }
    assert place(str(tmp_path)) == "folders"
    assert place("/etc") == ""
