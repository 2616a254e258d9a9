"""What fuzzing has found (`python -m tests.campaigns.fuzz`), each as the smallest input that showed it."""

from __future__ import annotations

import io
import time
import zipfile

import pytest

from batchverify.cli import keeping
from batchverify.errors import InputError, SettingsError
from batchverify.job.checking import check_report
from batchverify.job.reporting import report_job
from batchverify.model import Billed, Field
from batchverify.report.audit import signed_bytes
from batchverify.rules.canonical import canonical, parse
from batchverify.rules.normalise import normalise_card, normalise_id_number, normalise_mobile, normalise_name
from batchverify.rules.person_name import check_name
from batchverify.settings import fixed_settings, keep_billed, load_settings
from batchverify.store.signing import Signer, fingerprint
from batchverify.tables import foreign, our_book
from batchverify.tables.columns import choose_columns
from batchverify.tables.foreign import ForeignSource, _sheets
from batchverify.tables.headers import header_score
from batchverify.tables.reader import open_table
from batchverify.tables.snapshot import Snapshot, unnamed_file
from batchverify.tables.usage_export import window_in
from batchverify.vendor.gateway import http_date
from batchverify.words import Lang
from tests.builders import a_row, a_sheet, rows
from tests.threats import guards


def repacked(path, *, kind=zipfile.ZIP_STORED, **changes):
    """Pack a workbook again with some parts changed, named by the end of their names."""
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as target:
        for name, content in parts.items():
            change = next((change for end, change in changes.items() if name.endswith(f"{end}.xml")), None)
            target.writestr(name, content if change is None else change(content))
    path.write_bytes(out.getvalue())
    return path


@guards("hostile-files")
def test_a_part_that_is_damaged_beside_the_rows_costs_the_workbook_and_not_the_result(desk):
    path = a_sheet(desk.folder, rows(3), name="people.xlsx")
    repacked(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"<a:theme") + 2] ^= 1
    path.write_bytes(content)

    result = desk.verify(path)

    assert result.counts() == {"matched": 3}
    assert "A part of the workbook is damaged" in result.note


@guards("hostile-files")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"workbook": lambda xml: xml.replace(b"<workbook", b'<?xml version="1.0" encoding="UTF-9"?><workbook', 1)},
            "is damaged in",
        ),
        ({"kind": zipfile.ZIP_LZMA}, "packed as in no workbook"),
        ({"kind": zipfile.ZIP_BZIP2}, "packed as in no workbook"),
    ],
    ids=["an encoding that there is not", "lzma", "bzip2"],
)
def test_a_workbook_of_no_spreadsheet_program_is_refused(tmp_path, changes, told):
    path = repacked(a_sheet(tmp_path, rows(1), name="people.xlsx"), **changes)

    with pytest.raises(InputError, match=told), open_table(path, temporary=tmp_path) as table:
        list(table.records())


@guards("hostile-files")
def test_a_zip_whose_directory_points_before_its_beginning_is_refused(tmp_path):
    path = a_sheet(tmp_path, rows(1), name="people.xlsx")
    content = bytearray(path.read_bytes())
    # The offset of the directory, larger than it is: whatever it lists then seems to begin before the file.
    content[-6:-2] = (int.from_bytes(content[-6:-2], "little") + 2_000).to_bytes(4, "little")
    path.write_bytes(content)

    with pytest.raises(InputError, match="damaged"):
        open_table(path, temporary=tmp_path)


@guards("hostile-files")
@pytest.mark.parametrize(
    "line",
    [
        b'{"sheet": "a"}\n',
        b'{"sheet": 1, "hidden": false}\n',
        b"[1\n",
        b"[-1, 2]\n",
        b"[1, [2]]\n",
        b'[1, {"x": "2"}]\n',
        b'[1, {"n": 2}]\n',
        b"\xff\n",
        b"[" * 200_000,
    ],
)
def test_whatever_the_process_that_reads_old_workbooks_writes_nothing_but_a_sentence_comes_of_it(tmp_path, line):
    copy = unnamed_file(tmp_path)
    copy.write(b'{"sheet": "a", "hidden": false}\n' + line)
    copy.flush()
    cells = Snapshot(copy, sha256="", size_bytes=0)
    cells.size_bytes = copy.tell()

    with pytest.raises(InputError, match=r"^The workbook cannot be read: what reads such a file broke down on it"):
        [list(ForeignSource(cells, one).records()) for one in _sheets(cells)]
    cells.close()


@guards("logs")
def test_a_number_that_slipped_into_a_header_is_not_shown(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(f"序号,{a_row()['idCard']}姓名,身份证号\n" + f"x,{a_row()['idCard']},y\n" * 3, "utf-8")

    with open_table(path, temporary=tmp_path) as table, pytest.raises(InputError, match="not shown") as caught:
        choose_columns(table, wanted=(Field.NAME,))

    assert a_row()["idCard"][:8] not in str(caught.value)


@guards("logs")
def test_of_a_sheet_of_a_thousand_columns_a_message_names_forty(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("姓名," + ",".join(f"第{number}列{'长' * 100}" for number in range(1_000)) + "\n王一,x\n", "utf-8")

    with open_table(path, temporary=tmp_path) as table, pytest.raises(InputError, match="and 961 more") as caught:
        choose_columns(table, wanted=(Field.ACCOUNT_NO,))

    assert len(str(caught.value)) < 4_000


@guards("hostile-answers")
@pytest.mark.parametrize("day", ["9" * 40, "9" * 5_000])
def test_a_date_without_measure_from_the_vendor_is_none(day):
    assert http_date(f"Tue, {day} Nov 2026 02:50:01 GMT") is None


#: What a pattern that goes back takes for ever over; a cell of a csv may hold as many of it as it likes.
REPEATED = (" ", "\t", "'", "' ", "=", "= '", "•", " •", "张", "张 ", "·", ". ", "1", "1 ", "86", "+", "(", "（", "x")


@guards("hostile-files")
@pytest.mark.parametrize("piece", REPEATED)
def test_a_cell_of_a_hundred_thousand_characters_is_looked_at_in_no_time(piece):
    long = piece * (100_000 // len(piece))
    began = time.thread_time()
    for text in (f"张{long}三", f"'{long}x"):
        for way in (normalise_name, normalise_id_number, normalise_card, normalise_mobile):
            once, _ = way(text)
            assert way(once)[0] == once
        check_name(text)
        header_score((text,))
        window_in(text)

    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    ("text", "bare"),
    [("'abc' '", "abc"), ("'abc  '\"", "abc"), ("'a'b'", "a'b"), ("''", ""), ("' '", ""), ("abc'", "abc'"), ("'张 三’", "张三")],
)
def test_quote_marks_at_the_end_go_with_the_space_before_them(text, bare):
    assert normalise_name(text)[0] == bare


@pytest.mark.parametrize("line", ["qps = " + "9" * 5_000, "qps = " + "[" * 5_000, "qps = " + "{a = " * 5_000])
@pytest.mark.parametrize("name", ["batchverify.toml", "home/config.toml"])
def test_a_settings_file_without_measure_is_an_error_of_settings(home, name, line):
    home.mkdir(mode=0o700)
    home.parent.joinpath(name).write_text(line)

    with pytest.raises(SettingsError, match="A settings file or a setting in the environment is longer or deeper"):
        load_settings(home=home)
    with pytest.raises(SettingsError, match=r"was left as it is|could not be read"):
        keep_billed(home, "203", Billed.NO) if name.startswith("home") else fixed_settings()


@guards("logs")
def test_a_setting_in_the_environment_without_measure_is_an_error_of_settings(home, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_BILLED", '{"203": ' * 5_000)

    with pytest.raises(SettingsError, match="longer or deeper"):
        load_settings(home=home)


@guards("hostile-files")
@pytest.mark.parametrize("content", ['{"outputs": ' + "[" * 100_000, '{"outputs": ' + "9" * 5_000 + "}", "[]", "\udcff"])
def test_whatever_lies_where_the_summary_goes_costs_nothing_after_the_rows_are_paid(desk, content):
    path = a_sheet(desk.folder, rows(2))
    beside = path.with_name("people.verified.summary.json")
    beside.write_bytes(content.encode("utf-8", "surrogateescape"))

    assert desk.verify(path).counts() == {"matched": 2}
    assert beside.read_bytes() == content.encode("utf-8", "surrogateescape")


def test_a_list_of_numbers_that_never_ends_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "_LONGEST_LIST", 1_000)
    path = tmp_path / "list.txt"
    path.write_text("110101199003070011\n" * 100)

    with pytest.raises(InputError, match=r"^list\.txt has 1,000 characters or more"):
        keeping._lines(path)


@guards("logs")
@pytest.mark.parametrize(
    "line", ["x110101199003070011 = 1", "[billed]\n110101199003070011.x = 1", "110101199003070011 = 1\n" * 2]
)
def test_a_number_that_slipped_into_the_name_of_a_setting_is_not_shown(home, line):
    home.mkdir(mode=0o700)
    home.joinpath("config.toml").write_text(line)

    with pytest.raises(SettingsError) as caught:
        load_settings(home=home)

    assert "11010119" not in str(caught.value)


@guards("hostile-files")
def test_a_line_without_end_from_the_process_that_reads_old_workbooks_is_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "_MAX_LINE_BYTES", 100)
    copy = unnamed_file(tmp_path)
    copy.write(b'{"sheet": "a", "hidden": false}\n[1, "' + b"a" * 100 + b'"]\n')
    copy.flush()
    cells = Snapshot(copy, sha256="", size_bytes=copy.tell())

    with pytest.raises(InputError, match="broke down on it"):
        list(_sheets(cells))
    cells.close()


@guards("forged-report")
def test_a_workbook_of_millions_of_cells_is_no_report_and_is_not_held(desk, monkeypatch):
    monkeypatch.setattr(our_book, "_MOST_CELLS", 50)
    path = report_job(desk.verify(rows(2)).job, desk.folder / "report.xlsx", desk.session(), lang=Lang.EN)

    with pytest.raises(InputError, match=r"^report\.xlsx has more than 50 filled cells: no report has so many\.$"):
        check_report(path, desk.session(), key=None)


@guards("forged-report")
@pytest.mark.parametrize("change", [{"runs": 7}, {"rows": None}, {"merkle": {}}, {"cost": {"min": "x"}}, {"sample": [1]}])
def test_whatever_somebody_with_the_key_signs_a_check_ends_in_a_sentence(desk, change):
    stranger = Signer(b"\x07" * 32)
    path = report_job(desk.verify(rows(2)).job, desk.folder / "report.json", desk.session(), lang=Lang.EN)
    document = parse(path.read_text("utf-8")) | change
    document |= {
        "signer": {"algorithm": "Ed25519", "public_key": stranger.public_key, "fingerprint": fingerprint(stranger.public_key)}
    }
    document["signature"] = stranger.sign(signed_bytes(document))
    path.write_bytes(canonical(document))

    checked = check_report(path, desk.session(), key=stranger.public_key)

    assert checked.wrong


@guards("hostile-files")
@pytest.mark.parametrize(
    "target", [b'Target="gone.xml"', b'Targmt="styles.xml"'], ids=["styles that are not there", "a link to nowhere"]
)
def test_a_workbook_whose_parts_do_not_fit_together_costs_the_workbook_and_not_the_result(desk, target):
    path = a_sheet(desk.folder, rows(2), name="people.xlsx")
    with zipfile.ZipFile(path) as whole:
        links = whole.read("xl/_rels/workbook.xml.rels")
    spelled = next(one for one in (b'Target="styles.xml"', b'Target="/xl/styles.xml"') if one in links)
    parts = {}
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content.replace(spelled, target) if name.endswith("workbook.xml.rels") else content)

    result = desk.verify(path)

    assert result.counts() == {"matched": 2}
    assert result.note.startswith("Your workbook could not be kept whole")
