import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import InputError
from batchverify.tables.sheet_xml import COLUMN_INDEXES, NotPlain, SheetScan, cells_of, column_letters, runs_of, spans_of, text_of

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\r\n<worksheet xmlns="x"><dimension ref="A1"/><sheetData>'
TAIL = b'</sheetData><mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells></worksheet>'


def scan(xml):
    return SheetScan(io.BytesIO(xml), name="sheet1")


def rows_of(inner):
    return list(scan(HEAD + inner + TAIL).rows())


def row(inner):
    return f'<row r="1">{inner}</row>'.encode()


class Trickle(io.BytesIO):
    """A part that comes a few bytes at a time, so that every boundary falls somewhere."""

    def read(self, _size=-1, /):
        return super().read(7)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"", b"\n  ", b"\r\n"]),
            st.sampled_from([b"/>", b"></row>", b'><c r="A1"><v>1</v></c></row>', b' ht=">"></row>']),
        ),
        max_size=30,
    ),
    st.sampled_from([b"", b"\n"]),
)
def test_head_rows_and_tail_are_the_part_byte_for_byte(rows, gap):
    xml = (
        HEAD
        + b"".join(space + f'<row r="{number * 3}"'.encode() + end for number, (space, end) in enumerate(rows, 1))
        + gap
        + TAIL
    )
    part = SheetScan(Trickle(xml), name="sheet1")

    found = list(part.rows())

    assert b"".join([part.head, *(one.gap + one.xml for one in found), *part.tail()]) == xml
    assert [one.number for one in found] == [number * 3 for number in range(1, len(rows) + 1)]


def test_a_sheet_without_rows_has_an_empty_element_for_its_head():
    part = scan(HEAD.replace(b"<sheetData>", b"<sheetData />") + b"</worksheet>")

    assert list(part.rows()) == []
    assert part.head.endswith(b"<sheetData />")
    assert b"".join(part.tail()) == b"</worksheet>"


def test_rows_without_a_number_follow_the_one_before():
    assert [one.number for one in rows_of(b"<row><c/></row><row spans='1:1' r='7'/><row></row>")] == [1, 7, 8]


def test_hidden_rows_are_told():
    inner = b'<row r="1" hidden="1"></row><row r="2" hidden="true"/><row r="3" hidden="0"/><row r="4"/>'

    assert [one.hidden for one in rows_of(inner)] == [True, True, False, False]


@pytest.mark.parametrize(
    "inner", [b'<row r="2"/><row r="2"/>', b'<row r="3"/><row r="2"/>', b'<row r="1048577"/>', b'<row r="0"/>']
)
def test_rows_out_of_order_or_beyond_the_last_are_damage(inner):
    with pytest.raises(InputError, match=r"^sheet1 is damaged at row \d+: it comes after row \d\. Save it again in Excel\.$"):
        rows_of(inner)


@pytest.mark.parametrize(
    "inner",
    [
        b"<row r='1'/><!-- note --><row r='2'/>",
        b"<row r='1'><c><v><![CDATA[1]]></v></c></row>",
        b"<?pi?><row r='1'/>",
        b"<x:row r='1'></x:row>",
        b"<row r='1'/>text",
        b"<row r='1'></row></row>",
        b"<row r='1'><c/>",
    ],
)
def test_what_is_not_plain_is_never_passed_over(inner):
    with pytest.raises(NotPlain):
        rows_of(inner)


@pytest.mark.parametrize(
    "xml",
    [
        b'<x:worksheet xmlns:x="x"><x:sheetData></x:sheetData></x:worksheet>',
        b'<?xml version="1.0" encoding="GBK"?><worksheet><sheetData></sheetData></worksheet>',
        b"<!-- by hand --><worksheet><sheetData></sheetData></worksheet>",
        '<?xml version="1.0" encoding="UTF-16"?><worksheet><sheetData/></worksheet>'.encode("utf-16"),
    ],
)
def test_a_head_that_is_not_plain_is_told_at_once(xml):
    with pytest.raises(NotPlain):
        scan(xml)


def test_a_byte_order_mark_stays_in_the_head():
    part = scan(b"\xef\xbb\xbf" + HEAD + TAIL)

    assert part.head == b"\xef\xbb\xbf" + HEAD


@pytest.mark.parametrize("end", [b"<worksheet><sheetData>", b"<worksheet>"])
def test_a_document_type_is_refused(end):
    with pytest.raises(
        InputError, match=r"^sheet1 declares a document type, which no spreadsheet program writes: it is refused as hostile\.$"
    ):
        scan(b'<!DOCTYPE x [<!ENTITY a "b">]>' + end)


def test_a_part_that_ends_within_its_rows_is_cut_off():
    with pytest.raises(
        InputError, match=r"^sheet1 ends in the middle of its rows: the workbook is cut off\. Fetch or save it again\.$"
    ):
        list(scan(HEAD + b'<row r="1"><c><v>1').rows())


def test_a_row_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("batchverify.tables.sheet_xml.MAX_ROW_BYTES", 1 << 20)

    with pytest.raises(InputError, match=r"^sheet1 has a row of more than 1 MB\."):
        list(scan(HEAD + b"<row>" + b"<c/>" * (1 << 19)).rows())


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('<c r="A1" t="s"><v>3</v></c>', ("s", "0", "3")),
        ('<c r="A1" s="7"><v>110101199003070000</v></c>', ("n", "7", "110101199003070000")),
        ('<c r="A1" t="n"><v> 1.1E+17 </v></c>', ("n", "0", "1.1E+17")),
        ('<c r="A1" s="7"/>', ("", "7", "")),
        ('<c r="A1"></c>', ("", "0", "")),
        ('<c r="A1"> </c>', ("", "0", "")),
        ('<c r="A1" t="s"><v></v></c>', ("", "0", "")),
        ('<c r="A1" t="b"><v>1</v></c>', ("b", "0", "1")),
        ('<c r="A1" t="e"><v>#N/A</v></c>', ("e", "0", "#N/A")),
        ('<c r="A1" t="d"><v>2026-11-24</v></c>', ("d", "0", "2026-11-24")),
        ('<c r="A1" t="str"><f>B1&amp;"x"</f><v>a &amp; b</v></c>', ("str", "0", "a & b")),
        ('<c r="A1" t="str"><f>B1</f><v></v></c>', ("str", "0", "")),
        ('<c r="A1" t="str"><v xml:space="preserve"> 张三 </v></c>', ("str", "0", " 张三 ")),
        ('<c r="A1"><f>SUM(B1:B2)</f><v>12</v></c>', ("n", "0", "12")),
        ('<c r="A1"><f>SUM(B1:B2)</f><v></v></c>', ("f", "0", "")),
        ('<c r="A1"><f t="shared" si="0"/></c>', ("f", "0", "")),
        ('<c r="A1" t="inlineStr"><is><t>张三</t></is></c>', ("inlineStr", "0", "张三")),
        ('<c r="A1" t="inlineStr"><is><t/></is></c>', ("inlineStr", "0", "")),
        ('<c r="A1" t="inlineStr"><is/></c>', ("inlineStr", "0", "")),
        (
            '<c r="A1" t="inlineStr"><is><r><rPr><color rgb="FF0000"/></rPr><t>张</t></r><r><t>三</t></r></is></c>',
            ("inlineStr", "0", "张三"),
        ),
        ('<c r="A1" t="inlineStr"><is><t xml:space="preserve"> a_x000D_&#10;b</t></is></c>', ("inlineStr", "0", " a\r\nb")),
        ("<c s='4' t='s' r='A1' ><v>3</v></c>", ("s", "4", "3")),
        ('<c r="A1" t="s" cm="1"><v>3</v></c>', ("s", "0", "3")),
    ],
)
def test_a_cell_is_read_by_its_type(cell, expected):
    assert cells_of(row(cell)) == [(0, *expected)]


def test_cells_without_a_reference_follow_the_one_before():
    assert [cell[0] for cell in cells_of(row('<c/><c r="D1"/>\n<c t="s"><v>0</v></c>'))] == [0, 3, 4]
    assert cells_of(b'<row r="5"/>') == []
    assert cells_of(b"<row></row>") == []


@pytest.mark.parametrize(
    "inner", ["<c><x/></c>", "text", '<x:c r="A1"/>', '<c r="A1"', '<c r="a1"/>', "<c><v>1</v></c> <d/>", "<c><v><b/></v></c>"]
)
def test_a_cell_that_is_not_understood_is_never_passed_over(inner):
    with pytest.raises(NotPlain):
        cells_of(row(inner))


@pytest.mark.parametrize("inner", ['<c r="B1"/><c r="A1"/>', '<c r="B1"/><c r="B1"/>'])
def test_cells_out_of_order_are_damage(inner):
    with pytest.raises(
        InputError, match=r"^The workbook is damaged: a row has column [AB] out of order\. Save it again in Excel\.$"
    ):
        cells_of(row(inner))


def test_no_column_is_beyond_the_last():
    assert cells_of(row('<c r="XFD1"><v>1</v></c>'))[0][0] == 16_383
    with pytest.raises(InputError, match=r"^The workbook has a cell in column 'XFE', and no sheet reaches that far\."):
        cells_of(row('<c r="XFE1"><v>1</v></c>'))


def test_text_that_is_not_utf8_is_damage():
    with pytest.raises(
        InputError, match=r"^The workbook has text that is not UTF-8: it is damaged\. Open it in Excel and save it again\.$"
    ):
        cells_of(b'<row r="1"><c><v>\xff</v></c></row>')


@pytest.mark.parametrize("text", ["&nbsp;", "&#xFFFFFFFF;", "&#;", "&"])
def test_an_unknown_entity_is_damage(text):
    with pytest.raises(
        InputError, match=r"^The workbook has an entity that XML does not know: it is damaged\. Save it again in Excel\.$"
    ):
        text_of(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("&lt;&gt;&quot;&apos;&amp;", "<>\"'&"),
        ("&#24352;&#x4e09;", "张三"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("_x0041_ _x005F_x0041_ _x41_", "A _x0041_ _x41_"),
        ("_xD840__xDC0B_", "\U0002000b"),
        ("_xD840_", "\ufffd"),
    ],
)
def test_escapes_are_resolved(raw, text):
    assert text_of(raw) == text


def test_a_phonetic_guide_is_no_part_of_the_text():
    assert runs_of('<t>张三</t><rPh sb="0" eb="1"><t>zhang</t></rPh><phoneticPr fontId="1"/>') == "张三"


def test_spans_cut_cells_out_of_a_row():
    xml = b'<row r="1" ht=">"><c r="B1" t="inlineStr"><is><t>a</t></is></c><c r=\'E1\' s="1"/><c><v>1</v></c></row>'

    assert [(column, xml[start:end]) for column, start, end in spans_of(xml)] == [
        (1, b'<c r="B1" t="inlineStr"><is><t>a</t></is></c>'),
        (4, b"<c r='E1' s=\"1\"/>"),
        (5, b"<c><v>1</v></c>"),
    ]


@given(st.integers(min_value=0, max_value=16_383))
def test_letters_and_index_are_inverse(index):
    assert COLUMN_INDEXES[column_letters(index)] == index
