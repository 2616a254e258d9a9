import csv
import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchverify.errors import InputError
from batchverify.tables.reader import open_table

HEADER = "姓名,身份证号,备注"


@pytest.fixture
def opened(tmp_path):
    """Open bytes as a table, and close it again."""
    tables = []

    def open_bytes(content, **options):
        path = tmp_path / "people.csv"
        path.write_bytes(content)
        tables.append(open_table(path, temporary=tmp_path, **options))
        return tables[-1]

    yield open_bytes
    for table in tables:
        table.close()


def cells(table):
    return [record.cells for record in table.records()]


@pytest.mark.parametrize(
    ("codec", "encoding", "has_bom"),
    [
        ("utf-8", "utf-8", False),
        ("utf-8-sig", "utf-8", True),
        ("gb18030", "gb18030", False),
        ("gbk", "gb18030", False),
        ("utf-16", "utf-16", True),
    ],
)
def test_an_encoding_counts_when_the_whole_file_decodes(codec, encoding, has_bom, opened):
    table = opened(f"{HEADER}\r\n张三,110101199003070011,甲\r\n".encode(codec))

    assert (table.encoding, table.has_bom) == (encoding, has_bom)
    assert table.header == ("姓名", "身份证号", "备注")
    assert cells(table) == [("张三", "110101199003070011", "甲")]


def test_characters_that_gbk_lacks_are_read_as_gb18030(opened):
    assert cells(opened(f"{HEADER}\n䶮三,1,\U00020000\n".encode("gb18030"))) == [("䶮三", "1", "\U00020000")]


def test_utf_8_that_breaks_at_the_very_end_is_no_utf_8(opened):
    table = opened(HEADER.encode("gb18030") + b"\n" + b"a,1,b\n" * 200_000 + "张三,1,甲\n".encode("gb18030"))

    assert table.encoding == "gb18030"


def test_the_users_encoding_is_taken_and_checked(opened):
    assert cells(opened("姓名,身份證\n張三,1\n".encode("big5"), encoding="Big5")) == [("張三", "1")]
    with pytest.raises(
        InputError,
        match=r"^people\.csv is not written in utf-8 throughout\. Name its encoding with --encoding, or save it as \.xlsx\.$",
    ):
        opened("姓名\n张三\n".encode("gb18030"), encoding="UTF-8")
    with pytest.raises(InputError, match=r"^There is no encoding 'klingon'\. Usual ones are utf-8, gb18030, big5 and utf-16\.$"):
        opened(b"a\n", encoding="klingon")
    with pytest.raises(InputError, match=r"^people\.csv is not written in utf-8 or gb18030 throughout\."):
        opened(b"\xff\xff\xff,\x80")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter, opened):
    table = opened(f"名单;2026,年\n{HEADER}\n张三,1,甲\n".replace(",", delimiter).encode())

    assert (table.delimiter, table.header_row) == (delimiter, 2)
    assert table.kind == ("tsv" if delimiter == "\t" else "csv")


def test_the_users_delimiter_is_taken(opened):
    assert cells(opened(b"a|b\n1|2\n", delimiter="|")) == [("1", "2")]
    for wrong in ("", "||", '"', "\n"):
        with pytest.raises(InputError, match=rf"^{re.escape(repr(wrong))} cannot be a delimiter: name one character"):
            opened(b"a,b\n", delimiter=wrong)


def test_rows_are_numbered_as_excel_shows_them(opened):
    table = opened(f'名单,,\n{HEADER}\n张三,1,"两\n行"\n\n李四,2,x\n'.encode())

    assert [(record.number, record.cells[0]) for record in table.records()] == [(3, "张三"), (4, ""), (5, "李四")]
    assert table.extent() == table.extent()
    assert (table.extent().rows, table.extent().hidden, table.extent().width, table.hidden_rows) == (3, 0, 3, 0)
    assert [record.cells for record in table.preamble()] == [("名单", "", ""), ("姓名", "身份证号", "备注")]


def test_short_rows_are_filled_up_and_long_ones_kept(opened):
    table = opened(f"{HEADER}\n张三\n李四,2,x,y,z\n".encode())

    assert cells(table) == [("张三", "", ""), ("李四", "2", "x", "y", "z")]
    assert table.extent().width == 5


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["NA", "00123", "1E5", "=1+1", "", '"', "a\nb", "'=1"]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    ending=st.sampled_from(["\r\n", "\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_foreign_cells_come_out_as_they_went_in(rows, codec, ending, quoting, opened):
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # the csv module of 3.11 leaves a lone return bare when lines end otherwise
    out = io.StringIO()
    csv.writer(out, lineterminator=ending, quoting=quoting).writerows([HEADER.split(","), *rows])

    table = opened(out.getvalue().encode(codec))

    assert cells(table) == [tuple(row) for row in rows]
    assert (table.line_ending, table.quote_all) == (ending, quoting == csv.QUOTE_ALL)


def test_old_macs_end_their_lines_with_a_return(opened):
    table = opened(f"{HEADER}\r张三,1,甲\r".encode())

    assert (table.line_ending, cells(table)) == ("\r", [("张三", "1", "甲")])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('张三,1,甲\n"李四,2,乙\n王小明,3,丙\n', "at line 3: the quote opened there is never closed."),
        ('张三,1,"甲"乙\n', "at line 2: a quote stands inside a quoted field there."),
        (
            '张三,1,"' + "x" * 140_000 + "\n",
            "at line 2: a field there has more than 131,072 characters, so a quote opened in it is probably never closed.",
        ),
    ],
)
def test_quotes_out_of_order_are_an_error_with_its_line(rows, message, opened):
    with pytest.raises(InputError) as caught:
        cells(opened(f"{HEADER}\n{rows}".encode()))

    assert str(caught.value) == f"people.csv cannot be divided into cells {message} Repair the quotes, or save it as .xlsx."


def test_two_stray_quotes_do_not_swallow_the_rows_between(opened):
    rows = '"张三,110101199003070011,甲\n李四,51112619910203002X,乙\n王小明",1,丙\n'

    with pytest.raises(
        InputError,
        match=r"^people\.csv has a cell at line 2 that holds whole rows: a quote is opened there and closed much later\.",
    ):
        cells(opened(f"{HEADER}\n{rows}".encode()))


def test_a_note_of_two_lines_is_a_cell(opened):
    assert cells(opened(f'{HEADER}\n张三,1,"第一行,a,b\n第二行,c,d"\n'.encode())) == [("张三", "1", "第一行,a,b\n第二行,c,d")]


def test_nul_characters_are_no_text(opened):
    with pytest.raises(
        InputError, match=r"^people\.csv has NUL characters, so it is no text\. Open it in Excel and save it as \.xlsx\.$"
    ):
        opened(f"{HEADER}\n张三,1,\0\n".encode())


def test_guards_come_off_in_a_result_of_ours_only(opened):
    rows = "张三,'=1+1,'-5,'x\n"

    assert cells(opened(f"姓名,a,b,bv_status\n{rows}".encode())) == [("张三", "=1+1", "'-5", "'x")]
    assert cells(opened(f"姓名,a,b,c\n{rows}".encode())) == [("张三", "'=1+1", "'-5", "'x")]
