"""Workbooks with a password: every kind that has one is opened, none is guessed, and what is in them has no name on disk."""

import hashlib
import os
import subprocess
import sys
import threading
import time
import zipfile
from io import BytesIO
from pathlib import Path

import olefile
import pytest

from batchverify.errors import HomeError, InputError
from batchverify.model import Secret
from batchverify.tables import protected
from batchverify.tables.passwords import Passwords
from batchverify.tables.placing import place
from batchverify.tables.protected import Protection, protecting
from batchverify.tables.reader import open_table
from tests.protected import PASSWORD, opened, protect, protect_old
from tests.tables.test_foreign import an_ods, an_xls, an_xlsb
from tests.tables.test_reader import HEADER, PERSON, workbook
from tests.threats import guards

#: Enough to be a key of Excel's kind, and opened at once.
FEW = 50


def an_xlsx(path):
    return workbook(path, {"说明": [("请填写",)], "名单": [HEADER, PERSON, ("李四", 7)]})


WRITERS = {
    "xlsx": lambda path: protect(an_xlsx(path), rounds=FEW),
    "xlsb": lambda path: protect(an_xlsb(path), rounds=FEW),
    "xls": lambda path: protect_old(an_xls(path)),
}
PLAIN = {"xlsx": an_xlsx, "xlsb": an_xlsb, "xls": an_xls}


class Asked:
    """Somebody who is asked for passwords and gives one after the other."""

    def __init__(self, *answers, tries=1):
        self.names = []
        self.passwords = Passwords(ask=self._ask, tries=tries, origin="the keyboard")
        self._answers = iter(answers)

    def _ask(self, name):
        self.names.append(name)
        return Secret(next(self._answers))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_protected_workbook_of_each_kind_has_the_cells_it_had_and_is_known_by_the_file_as_it_lies(kind, tmp_path):
    plain = PLAIN[kind](tmp_path / f"plain.{kind}")
    path = WRITERS[kind](tmp_path / f"people.{kind}")
    asked = Asked(PASSWORD)

    with (
        open_table(plain, temporary=tmp_path) as expected,
        open_table(path, temporary=tmp_path, passwords=asked.passwords) as table,
    ):
        assert (table.kind, table.sheet, table.sheets) == (kind, expected.sheet, expected.sheets)
        assert list(table.records()) == list(expected.records())
        assert table.size_bytes == path.stat().st_size
    assert table.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert asked.names == [path.name]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_wrong_password_is_told_with_where_it_came_from(kind, tmp_path):
    path = WRITERS[kind](tmp_path / f"people.{kind}")
    asked = Asked("nobody's")

    with pytest.raises(
        InputError,
        match=rf"^people\.{kind} is protected, and the password from the keyboard does not open it\. "
        r"Ask whoever sent it; capitals count\. Nothing was sent\.$",
    ):
        open_table(path, temporary=tmp_path, passwords=asked.passwords)


def test_three_tries_are_three_and_the_right_one_among_them_opens_it(tmp_path):
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW)
    second, none = Asked("one", PASSWORD, tries=3), Asked("one", "two", "three", "four", tries=3)

    open_table(path, temporary=tmp_path, passwords=second.passwords).close()
    with pytest.raises(InputError, match="does not open it"):
        open_table(path, temporary=tmp_path, passwords=none.passwords)

    assert (len(second.names), len(none.names)) == (2, 3)


def test_a_password_is_asked_for_once_and_tried_on_the_next_file(tmp_path):
    first, second = (protect(an_xlsx(tmp_path / f"{name}.xlsx"), rounds=FEW) for name in "ab")
    asked = Asked(PASSWORD)

    for path in (first, first, second):
        open_table(path, temporary=tmp_path, passwords=asked.passwords).close()

    assert asked.names == ["a.xlsx"]


def test_each_of_several_files_may_have_a_password_of_its_own(tmp_path):
    asked = Asked("one", "two")

    for name in ("one", "two", "one"):
        path = protect(an_xlsx(tmp_path / f"{name}.xlsx"), name, rounds=FEW)
        open_table(path, temporary=tmp_path, passwords=asked.passwords).close()

    assert asked.names == ["one.xlsx", "two.xlsx"]


def test_a_workbook_that_excel_opens_without_asking_is_opened_without_asking(tmp_path):
    """A workbook whose structure is protected is encrypted with a password that everybody knows."""
    for path in (
        protect(an_xlsx(tmp_path / "people.xlsx"), "VelvetSweatshop", rounds=FEW),
        protect_old(an_xls(tmp_path / "people.xls"), "VelvetSweatshop"),
    ):
        with open_table(path, temporary=tmp_path) as table:
            assert table.sheet == "名单"
            assert next(table.records()).cells[-1] in {PERSON[1], "NA"}


@pytest.mark.parametrize("kind", WRITERS)
def test_where_nobody_can_be_asked_the_way_out_is_named(kind, tmp_path):
    path = WRITERS[kind](tmp_path / f"people.{kind}")

    with pytest.raises(InputError, match=r"is protected with a password, and there is no terminal .* --password-stdin"):
        open_table(path, temporary=tmp_path)


def test_a_protected_ods_is_refused_with_the_way_out(tmp_path):
    """Its parts are encrypted one by one, which only its own programs undo."""
    path = an_ods(tmp_path / "people.ods")
    path.write_bytes(_with_encrypted_content(path))

    with pytest.raises(
        InputError, match=r"^people\.ods is protected with a password\. Open it in the program that made it, remove"
    ):
        open_table(path, temporary=tmp_path, passwords=Asked().passwords)


def _with_encrypted_content(path: Path) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(out, "w") as copy:
        for name in whole.namelist():
            content = whole.read(name)
            if name == "META-INF/manifest.xml":
                entry = b'manifest:full-path="content.xml"'
                assert entry in content
                head, tail = content.split(entry)
                rest = tail.split(b"/>", 1)
                content = (
                    head + entry + rest[0] + b'><manifest:encryption-data manifest:checksum-type="SHA1/1K" '
                    b'manifest:checksum="AA=="/></manifest:file-entry>' + rest[1]
                )
            copy.writestr(name, content)
    return out.getvalue()


@guards("passwords")
@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_in_a_protected_workbook_never_has_a_name_on_disk(kind, tmp_path):
    path = WRITERS[kind](tmp_path / f"people.{kind}")
    private = tmp_path / "private"
    private.mkdir()

    with open_table(path, temporary=private, passwords=Asked(PASSWORD).passwords) as table:
        list(table.records())
        assert list(private.iterdir()) == []
    assert list(private.iterdir()) == []


@guards("arguments", "passwords")
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="Other systems list their processes otherwise.")
def test_the_list_of_processes_shows_no_password(tmp_path, monkeypatch):
    """The process that opens the workbook is looked at for as long as it works."""
    monkeypatch.setenv("BATCHVERIFY_APPCODE", "of-ours")
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=100_000)
    work = threading.Thread(target=lambda: open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords).close())
    shown = set()

    work.start()
    while work.is_alive():
        for process in _children():
            for what in ("cmdline", "environ"):
                try:
                    shown.add(Path(f"/proc/{process}/{what}").read_bytes())
                except OSError:
                    continue
        time.sleep(0.005)
    work.join()

    ours = [text for text in shown if b"protected_child" in text]
    assert ours
    assert [text for text in shown if PASSWORD.encode() in text or b"Pass-7731" in text] == []
    assert [
        text for text in shown if b"of-ours" in text and b"BATCHVERIFY_" in text and b"PYTHONIOENCODING=utf-8\0" in text
    ] == []


def _children() -> list[str]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except OSError:
            continue
    return found


def _damaged(path: Path, *, stream: str, change) -> Path:
    with olefile.OleFileIO(path) as container:
        content = container.openstream(stream).read()
    changed = change(content)
    assert len(changed) == len(content)
    with olefile.OleFileIO(path, write_mode=True) as container:
        container.write_stream(stream, changed)
    return path


LAUGHS = (
    b"<!DOCTYPE e ["
    b'<!ENTITY a "aaaaaaaaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9))
    + b"]><e>&j;</e>"
)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: bytes(len(info)),
        lambda info: info[:8] + b"<" * (len(info) - 8),
        lambda info: b"\x04\x00\x03\x00" + info[4:],
        lambda info: info.replace(b'spinCount="50"', b'spinCount="5x"'),
        lambda info: info.replace(b'saltValue="', b'saltValue="!!', 1)[: len(info)],
        lambda info: info.replace(b'blockSize="16" keyBits="256"', b'blockSize="99" keyBits="9"  '),
        lambda info: info[:8] + LAUGHS.ljust(len(info) - 8),
    ],
    ids=["zeros", "no xml", "an unknown kind", "no number", "no salt", "a strange key", "entities in entities"],
)
def test_whatever_stands_where_the_key_should_ends_in_a_sentence(change, tmp_path):
    path = _damaged(protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW), stream="EncryptionInfo", change=change)

    with pytest.raises(
        InputError, match=r"^people\.xlsx is (damaged, or protected in an unknown way|protected, and the password)"
    ):
        open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords)


def test_a_protected_workbook_that_was_cut_off_ends_in_a_sentence(tmp_path):
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW)
    whole = path.read_bytes()
    for size in (600, len(whole) // 2, len(whole) - 600):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"^people\.xlsx "):
            open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords).close()


def test_what_is_inside_and_damaged_ends_in_a_sentence(tmp_path):
    path = _damaged(
        protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW),
        stream="EncryptedPackage",
        change=lambda content: content[:200] + bytes(len(content) - 200),
    )

    with (
        pytest.raises(InputError, match=r"^people\.xlsx "),
        open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords) as table,
    ):
        list(table.records())


def test_a_key_that_takes_for_ever_is_given_up(tmp_path, monkeypatch):
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW)
    monkeypatch.setattr(protected, "_PATIENCE_SECONDS", 0.001)

    with pytest.raises(InputError, match=r"^people\.xlsx is damaged, or protected in an unknown way\."):
        open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords)


def test_a_protected_workbook_larger_than_a_bounded_process_can_hold_is_refused(tmp_path, monkeypatch):
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW)
    monkeypatch.setattr(protected, "MAX_CONTENT_BYTES", 1000)

    with pytest.raises(
        InputError, match=r"^people\.xlsx is protected with a password and has 0 MB; the limit is 0 MB\. Open it in"
    ):
        open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (protected.NO_ROOM, HomeError, "There is no room for a private copy of people.xlsx in the home."),
        (protected.TOO_LARGE, InputError, "people.xlsx needs more memory than it should."),
        (120, InputError, "people.xlsx is damaged, or protected in an unknown way."),
        (-9, InputError, "people.xlsx is damaged, or protected in an unknown way."),
        (None, InputError, "people.xlsx is damaged, or protected in an unknown way."),
    ],
)
def test_however_the_process_ends_it_is_told(code, error, message):
    """120 is what Python ends with where its last words found no place."""
    with pytest.raises(error, match=message.replace(".", r"\.")):
        protected._place_opened(code, 2, name="people.xlsx")


def test_without_the_library_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW)
    monkeypatch.setitem(sys.modules, "msoffcrypto", None)

    with pytest.raises(
        InputError,
        match=r"^people\.xlsx needs the extra 'excel', for it is protected with a password\. "
        r"Install it with `pip install 'batchverify\[excel\]'`\. Nothing was sent\.$",
    ):
        open_table(path, temporary=tmp_path, passwords=Asked(PASSWORD).passwords)


def test_a_file_is_placed_protected_and_its_plain_form_never_has_a_name(tmp_path):
    private, beside = tmp_path / "private", tmp_path / "beside"
    private.mkdir()
    beside.mkdir()
    plain = an_xlsx(tmp_path / "plain.xlsx").read_bytes()
    seen = []

    def write(out):
        out.write(plain)
        out.flush()
        seen.extend([*private.iterdir(), *(path.stat().st_size for path in beside.iterdir())])

    placed = place(beside / "out.xlsx", protecting(write, Protection(password=Secret(PASSWORD), temporary=private)))

    assert seen == [0]
    assert opened(placed.path).getvalue() == plain
    assert plain[:40] not in placed.path.read_bytes()
    assert [path.name for path in beside.iterdir()] == ["out.xlsx"]


def test_a_result_larger_than_can_be_protected_is_told_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(protected, "MAX_CONTENT_BYTES", 1 << 20)
    protection = Protection(password=Secret(PASSWORD), temporary=tmp_path)

    with pytest.raises(HomeError, match=r"^The result has 2 MB and could not be protected; the limit is 1 MB\. Split the input"):
        place(tmp_path / "out.xlsx", protecting(lambda out: out.write(bytes(2 << 20)), protection))

    assert list(tmp_path.iterdir()) == []


def test_a_workbook_of_a_few_bytes_is_protected_so_that_it_opens_again(tmp_path):
    """The library writes what is under 4,096 bytes in a way that nothing reads."""
    path = workbook(tmp_path / "small.xlsx", {"一": [HEADER]})
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "tiny.xlsx", "w", zipfile.ZIP_LZMA) as tiny:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            tiny.writestr(name, whole.read(name))
    plain = (tmp_path / "tiny.xlsx").read_bytes()
    assert len(plain) < 4096

    placed = place(
        tmp_path / "out.xlsx",
        protecting(lambda out: out.write(plain), Protection(password=Secret(PASSWORD), temporary=tmp_path)),
    )

    with zipfile.ZipFile(opened(placed.path)) as found, zipfile.ZipFile(tmp_path / "tiny.xlsx") as expected:
        assert {name: found.read(name) for name in found.namelist()} == {
            name: expected.read(name) for name in expected.namelist()
        }


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no full disk to write to.")
def test_a_full_disk_is_told_from_a_damaged_workbook(tmp_path):
    head = b'["x"]\n'
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "batchverify.tables.protected_child", "protect"],
            input=head + an_xlsx(tmp_path / "people.xlsx").read_bytes(),
            stdout=full,
            check=False,
        )

    assert ended.returncode == protected.NO_ROOM


def test_no_room_for_a_protected_result_is_told(tmp_path):
    protection = Protection(password=Secret(PASSWORD), temporary=tmp_path)
    plain = an_xlsx(tmp_path / "people.xlsx").read_bytes()

    with Path("/dev/full").open("wb") as full, pytest.raises(HomeError, match=r"^There is no room for the protected result\."):
        protecting(lambda out: out.write(plain), protection)(full)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_the_process_that_opens_may_not_use_more_memory_than_it_was_given(tmp_path, monkeypatch):
    path = protect(an_xlsx(tmp_path / "people.xlsx"), rounds=FEW)
    content = path.read_bytes()

    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['x', 'open']; from batchverify.tables import protected_child as child; child.MAX_MEMORY_BYTES = 20 << 20; sys.exit(child.main())",
        ],
        input=b'["x"]\n' + content,
        capture_output=True,
        check=False,
    )

    assert ended.returncode in {protected.TOO_LARGE, 3}
    assert ended.stdout == b""


@guards("passwords")
def test_passwords_show_in_no_representation():
    passwords = Passwords(ask=lambda _: Secret(PASSWORD))
    passwords.keep("ab", Secret(PASSWORD))

    assert PASSWORD not in repr(passwords)
    assert PASSWORD not in repr(Protection(password=Secret(PASSWORD), temporary=Path("x")))


@pytest.mark.parametrize("password", ["", "x" * 256])
def test_a_password_that_excel_would_not_take_is_refused(password):
    passwords = Passwords(ask_new=lambda _name, _own: Secret(password))

    with pytest.raises(InputError, match=r"^The password for out\.xlsx must have 1 to 255 characters\. Nothing was sent\.$"):
        passwords.of_result("out.xlsx", source_sha256="ab")
