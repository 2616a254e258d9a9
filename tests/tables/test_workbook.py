import io
import tracemalloc
import zipfile
from contextlib import closing

import pytest
import xlsxwriter

from batchverify.errors import InputError
from batchverify.tables.reader import open_table
from batchverify.tables.sheet_xml import NotPlain
from batchverify.tables.workbook import Workbook

RELS = '<Relationships xmlns="r">{}</Relationships>'
ROOT_RELS = RELS.format('<Relationship Id="a" Type="http://x/officeDocument" Target="xl/workbook.xml"/>')
BOOK = (
    '<workbook xmlns="m" xmlns:r="http://x/relationships"><sheets><sheet name="一" r:id="s"/><sheet name="图" r:id="c"/>'
    '<sheet name="二" state="veryHidden" r:id="t"/></sheets></workbook>'
)
BOOK_RELS = RELS.format(
    '<Relationship Id="s" Type="http://x/worksheet" Target="worksheets/one.xml"/>'
    '<Relationship Id="t" Type="http://x/worksheet" Target="/xl/worksheets/two.xml"/>'
    '<Relationship Id="c" Type="http://x/chartsheet" Target="chartsheets/c.xml"/>'
    '<Relationship Id="x" Type="http://x/externalLink" TargetMode="External" Target="file:///etc/passwd"/>'
    '<Relationship Id="g" Type="http://x/sharedStrings" Target="strings.xml"/>'
    '<Relationship Id="y" Type="http://x/styles" Target="styles.xml"/>'
)
SHEET = '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData></worksheet>'
STRINGS = "<sst><si><t>姓名</t></si></sst>"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
LEAK = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'

PARTS = {
    "_rels/.rels": ROOT_RELS,
    "xl/workbook.xml": BOOK,
    "xl/_rels/workbook.xml.rels": BOOK_RELS,
    "xl/worksheets/one.xml": SHEET,
    "xl/worksheets/two.xml": SHEET,
    "xl/strings.xml": STRINGS,
}


def zipped(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return out.getvalue()


def workbook(parts):
    return Workbook(io.BytesIO(zipped(parts)), name="people.xlsx")


@pytest.fixture
def read(tmp_path):
    def records(content):
        path = tmp_path / "people.xlsx"
        path.write_bytes(content)
        with open_table(path, temporary=tmp_path) as table:
            return [record.cells for record in table.preamble()]

    return records


def test_sheets_are_found_by_their_relations():
    with closing(workbook(PARTS)) as book:
        assert [(sheet.name, sheet.part, sheet.hidden) for sheet in book.sheets] == [
            ("一", "xl/worksheets/one.xml", False),
            ("二", "xl/worksheets/two.xml", True),
        ]
        assert (book.shared_strings(), book.strings_part, book.styles_part, book.date_styles()) == (
            ["姓名"],
            "xl/strings.xml",
            "",
            frozenset(),
        )


def test_date_styles_are_found_by_their_formats():
    styles = (
        '<styleSheet xmlns="m"><numFmts><numFmt numFmtId="164" formatCode="yyyy-mm"/><numFmt numFmtId="165" formatCode="0.0"/>'
        '<numFmt numFmtId="14" formatCode="0"/></numFmts><cellStyleXfs><xf numFmtId="22"/></cellStyleXfs>'
        '<cellXfs><xf/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>'
    )

    with closing(workbook(PARTS | {"xl/styles.xml": styles})) as book:
        assert book.date_styles() == {"1", "4"}


@pytest.mark.parametrize(
    ("strings", "texts"),
    [
        ("<sst/>", []),
        ("<sst></sst>", []),
        ('<?xml version="1.0"?>\n<sst xmlns="m">\n<si><t>a</t></si>\n<si/>\n</sst>', ["a", ""]),
        ('<sst><si><t xml:space="preserve"> a&amp;b </t></si><si><r><t>张</t></r><r><t>三</t></r></si></sst>', [" a&b ", "张三"]),
        ("\ufeff<sst><si><t/></si><si><t>_x000D_</t></si></sst>", ["", "\r"]),
        ("<sst>" + "<si><t>张三</t></si>" * 40_000 + "</sst>", ["张三"] * 40_000),
    ],
)
def test_shared_strings_are_read_in_their_order(strings, texts):
    with closing(workbook(PARTS | {"xl/strings.xml": strings})) as book:
        assert book.shared_strings() == texts


@pytest.mark.parametrize(
    "strings",
    [
        "<x:sst xmlns:x='m'/>",
        "<sst><!-- --><si><t>a</t></si></sst>",
        "<sst><x:si/></sst>",
        "<sst><si><t>\u00e9</t></si></sst>".encode("latin-1"),
        "<sst><si><t><![CDATA[a]]></t></si></sst>",
    ],
)
def test_shared_strings_that_are_not_plain_are_never_passed_over(strings):
    with closing(workbook(PARTS | {"xl/strings.xml": strings})) as book, pytest.raises(NotPlain):
        book.shared_strings()


def test_shared_strings_that_are_not_plain_go_the_other_way(tmp_path, read):
    path = tmp_path / "real.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet().write(0, 0, "姓名")
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/sharedStrings.xml"] = parts["xl/sharedStrings.xml"].replace(b"<si>", b"<!-- --><si>")

    assert read(zipped(parts)) == [("姓名",)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"_rels/.rels": None}, "people.xlsx is a zip file, but no workbook. Unpack it and name the spreadsheet in it."),
        ({"xl/workbook.xml": None}, "people.xlsx is an Office file, but no workbook. Save the table as .xlsx."),
        ({"xl/workbook.xml": "<document/>"}, "people.xlsx is an Office file, but no workbook. Save the table as .xlsx."),
        (
            {"_rels/.rels": ROOT_RELS.replace(".xml", ".bin")},
            "people.xlsx is an Office file, but no workbook. Save the table as .xlsx.",
        ),
        ({"xl/workbook.xml": "<workbook>"}, "people.xlsx is damaged in 'xl/workbook.xml'. Open it in Excel and save it again."),
        ({"xl/_rels/workbook.xml.rels": None}, "people.xlsx has no sheet with rows. Open it in Excel and look."),
        (
            {"xl/worksheets/two.xml": None},
            "people.xlsx is damaged: it has no part 'xl/worksheets/two.xml'. Open it in Excel and save it again.",
        ),
        (
            {"xl/workbook.xml": BOMB + BOOK.replace("一", "&b;")},
            "people.xlsx declares a document type, which no spreadsheet program writes: it is refused as hostile.",
        ),
        (
            {"_rels/.rels": LEAK + ROOT_RELS},
            "people.xlsx declares a document type, which no spreadsheet program writes: it is refused as hostile.",
        ),
        (
            {"xl/strings.xml": BOMB + STRINGS.replace("姓名", "&b;")},
            "xl/strings.xml declares a document type, which no spreadsheet program writes: it is refused as hostile.",
        ),
        (
            {"xl/worksheets/one.xml": LEAK + SHEET},
            "Sheet '一' declares a document type, which no spreadsheet program writes: it is refused as hostile.",
        ),
        (
            {"xl/strings.xml": STRINGS[:-12]},
            "xl/strings.xml ends in the middle: the workbook is cut off. Fetch or save it again.",
        ),
        ({"xl/strings.xml": None}, "people.xlsx is damaged: a cell points to a text that is not there. Save it again in Excel."),
    ],
)
def test_damage_and_malice_are_told(changed, message, read):
    parts = {name: part for name, part in (PARTS | changed).items() if part is not None}

    with pytest.raises(InputError) as caught:
        read(zipped(parts))

    assert str(caught.value) == message.replace("Sheet '一' declares", "一 declares")


def test_a_workbook_cut_anywhere_is_an_error_and_never_a_crash(read):
    whole = zipped(PARTS)

    for end in range(4, len(whole) - 1, 37):
        with pytest.raises(InputError):
            read(whole[:end])


def test_a_workbook_with_a_flipped_byte_is_read_or_refused(read):
    whole = zipped(PARTS)

    for place in range(0, len(whole), 23):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        try:
            assert read(bytes(damaged)) == [("姓名",)]
        except InputError:
            continue


def test_a_zip_bomb_is_refused_before_it_goes_off(read):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, part in PARTS.items():
            book.writestr(name, part)
        with book.open("xl/media/zeros", "w") as bomb:
            for _ in range(101):
                bomb.write(bytes(1 << 20))
    tracemalloc.start()

    with pytest.raises(
        InputError, match=r"^people\.xlsx has a part that unpacks to more than 500 times its size: it is refused as hostile\.$"
    ):
        read(out.getvalue())

    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_sizes_and_counts_are_bounded(monkeypatch):
    monkeypatch.setattr("batchverify.tables.workbook.MAX_INFLATED_BYTES", 1000)
    with pytest.raises(InputError, match=r"^people\.xlsx would unpack to 0 MB; the limit is 0 MB\. Split it\.$"):
        workbook(PARTS)
    monkeypatch.setattr("batchverify.tables.workbook.MAX_PARTS", 3)
    with pytest.raises(InputError, match=r"^people\.xlsx has 6 parts; no workbook has so many\. It is refused\.$"):
        workbook(PARTS)


def test_a_small_part_that_is_large_is_refused(monkeypatch):
    monkeypatch.setattr("batchverify.tables.workbook._MAX_SMALL_PART_BYTES", 300)
    with pytest.raises(
        InputError, match=r"^people\.xlsx has a part 'xl/_rels/workbook\.xml\.rels' of more than 0 MB: it is refused\.$"
    ):
        workbook(PARTS | {"xl/workbook.xml": "<workbook/>"})


def test_one_endless_text_does_not_fill_the_memory(monkeypatch):
    book = workbook(PARTS | {"xl/strings.xml": "<sst><si><t>" + "x" * 600_000})
    monkeypatch.setattr("batchverify.tables.workbook._MAX_SMALL_PART_BYTES", 300_000)

    with closing(book), pytest.raises(InputError, match=r"^xl/strings\.xml has a text of more than 0 MB: it is refused\.$"):
        book.shared_strings()


def test_encrypted_parts_are_told():
    content = bytearray(zipped(PARTS))
    content[content.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(
        InputError, match=r"^people\.xlsx has encrypted parts\. Open it, remove the password and save it again\.$"
    ):
        Workbook(io.BytesIO(bytes(content)), name="people.xlsx")
