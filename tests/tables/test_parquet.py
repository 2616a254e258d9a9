"""Parquet, as pandas and others write it: types decide what may be sent, and the reading is done by a bounded process."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batchverify.errors import InputError
from batchverify.job import Asking, Options
from batchverify.model import NumberCell, OddCell, Product
from batchverify.tables import parquet_child
from batchverify.tables.reader import open_table
from tests.builders import a_row, an_id

#: Numbers without X, which a column of whole numbers can hold.
IDS = [int(one) for one in map(an_id, range(1, 60)) if one.isdecimal()]


def test_rows_count_as_in_the_workbook_that_the_result_is_and_gaps_of_pandas_are_blanks(tmp_path):
    frame = pd.DataFrame(
        {
            "姓名": pd.Categorical(["张三", None, "李四"]),
            "身份证号": pd.array([IDS[0], None, IDS[1]], dtype="Int64"),
            "金额": [1.5, float("nan"), 3.0],
        },
        index=["a", "b", "c"],
    )
    frame.to_parquet(tmp_path / "people.csv")

    with open_table(tmp_path / "people.csv", temporary=tmp_path) as table:
        assert (table.kind, table.sheets, table.header_row) == ("parquet", (), 1)
        assert table.header == ("姓名", "身份证号", "金额")  # and not the labels of the rows
        assert [(record.number, record.cells) for record in table.records()] == [
            (2, ("张三", str(IDS[0]), NumberCell(literal="1.5"))),
            (4, ("李四", str(IDS[1]), NumberCell(literal="3"))),
        ]


def test_of_numbers_only_those_that_kept_all_their_digits_are_sent(desk, sandbox):
    """Once as whole numbers, once as floating-point ones, once as what pandas reads out of a workbook's numeric cells."""
    ways = {
        "whole": pa.array(IDS[10:20]),
        "floating": pa.array([float(one) for one in IDS[10:20]]),
        "out of floating": pa.array([int(float(one)) for one in IDS[10:20]]),
        "out of a workbook": pa.array([one // 1000 * 1000 for one in IDS[10:20]]),
    }
    seen = {}
    for way, column in ways.items():
        path = desk.folder / f"{way}.parquet"
        pq.write_table(pa.table({"姓名": [f"测试{'甲乙丙丁戊己庚辛壬癸'[at]}" for at in range(10)], "身份证号": column}), path)
        result = desk.verify(path, options=Options(asking=Asking(product=Product.ID2)))
        seen[way] = result.counts(), sandbox.bill.total()
        assert result.path.name == f"{way}.verified.xlsx"
        assert result.column("bv_row")[0].split("/")[1] == "2"

    assert seen == {
        "whole": ({"matched": 10}, 10),
        "floating": ({"blocked": 10}, 10),
        "out of floating": ({"blocked": 10}, 10),
        "out of a workbook": ({"blocked": 10}, 10),
    }


def test_a_result_of_parquet_comes_back_and_asks_nothing(desk, sandbox):
    path = desk.folder / "people.parquet"
    people = [a_row(person) for person in range(1, 5)]
    pd.DataFrame(
        {"姓名": [one["name"] for one in people], **{word: [one[word] for one in people] for word in ("idCard", "accountNo")}}
    ).to_parquet(path)

    desk.rerun(desk.verify(path).path)

    assert sandbox.bill.total() == 4


#: A column of two cells, and how they are read.
SPELLED = (
    (pa.array([6217000000000123, 6217000000000130]), ["6217000000000123", "6217000000000130"]),
    (pa.array([6217000000000120, 6217000000000130]), [NumberCell(literal=f"62170000000001{n}0") for n in (2, 3)]),
    (pa.array([6217000000000123, 110101199003071200]), ["6217000000000123", NumberCell(literal="110101199003071200")]),
    (pa.array([2**64 - 1, 5], pa.uint64()), ["18446744073709551615", NumberCell(literal="5")]),
    (pa.array([-5, 13800138000]), [NumberCell(literal="-5"), NumberCell(literal="13800138000")]),
    (pa.array([IDS[0], IDS[1]]).dictionary_encode(), [str(IDS[0]), str(IDS[1])]),
    (pa.array([13800138000.0, 1.1], pa.float32()), ["1.38001377e+10", NumberCell(literal="1.1")]),
    (pa.array(np.array([2.5, 60000], np.float16)), [NumberCell(literal="2.5"), NumberCell(literal="60000")]),
    (pa.array([float("inf"), 1e20]), ["inf", NumberCell(literal="1" + "0" * 20)]),
    (pa.array([Decimal(IDS[0]), Decimal("1.50")], pa.decimal128(30, 2)), [str(IDS[0]), NumberCell(literal="1.50")]),
    (pa.array([Decimal("0.12345678901234567"), Decimal(1)]), ["0.12345678901234567", NumberCell(literal="1.00000000000000000")]),
    (pa.array([True, False]), [OddCell(kind="boolean", text=word) for word in ("TRUE", "FALSE")]),
    (pa.array(["=1+1", " 1E5"], pa.large_string()), ["=1+1", " 1E5"]),
    (pa.array(["张三".encode(), b"\xff"]), ["张三", "ff"]),
    (pa.array([[1, None], []]), ["[1, null]", "[]"]),
    (pa.array([6217000000000123, IDS[0]]), ["6217000000000123", str(IDS[0])]),
    (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\0" * 16, b"\xff" * 16], pa.binary(16))), ["00" * 16, "ff" * 16]),
)
TIMES = (
    (pa.array([dt.date(2026, 11, 24), dt.date(1, 1, 1)]), ["2026-11-24", "0001-01-01"]),
    (pa.array([0, 10**12], pa.timestamp("s")), ["1970-01-01", "1000000000000000"]),
    (
        pa.array([0, 1_500_000_000], pa.timestamp("ns", "Asia/Shanghai")),
        ["1970-01-01 08:00:00+0800", "1970-01-01 08:00:01.500000000+0800"],
    ),
    (pa.array([0, 1], pa.timestamp("s", "Nowhere/At all")), ["1970-01-01 00:00:00Z", "1970-01-01 00:00:01Z"]),
    (pa.array([3_600_000, 1], pa.time32("ms")), ["01:00:00", "00:00:00.001"]),
    (pa.array([90_000, 1], pa.duration("s")), ["1 day, 1:00:00", "0:00:01"]),
    (pa.array([1_500_000, 1_000], pa.duration("ns")), ["0:00:00.001500", "0:00:00.000001"]),
)


def test_each_type_is_spelled_without_losing_anything(tmp_path):
    expected = [*SPELLED, *((column, [OddCell(kind="date", text=text) for text in texts]) for column, texts in TIMES)]
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table([column for column, _ in expected], names=["同名"] * len(expected)), path)

    with open_table(path, temporary=tmp_path) as table:
        read = zip(*(record.cells for record in table.records()), strict=True)

        for (column, cells), found in zip(expected, read, strict=True):
            assert list(found) == cells, column.type


def test_there_is_no_sheet_and_no_header_row_to_choose(tmp_path):
    path = tmp_path / "people.parquet"
    pd.DataFrame({"姓名": ["张三"]}).to_parquet(path)

    with pytest.raises(InputError, match=r"^people\.parquet is a parquet file and has no sheets\. Leave out --sheet\.$"):
        open_table(path, temporary=tmp_path, sheet="名单")
    with pytest.raises(InputError, match=r"the names of its columns are its header, row 1\. Leave out --header-row\.$"):
        open_table(path, temporary=tmp_path, header_row=2)
    open_table(path, temporary=tmp_path, header_row=1).close()


def test_without_the_library_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    path = tmp_path / "people.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(
        InputError,
        match=r"^people\.parquet needs the extra 'parquet', for it is a parquet file\. "
        r"Install it with `pip install 'batchverify\[parquet\]'`\. Nothing was sent\.$",
    ):
        open_table(path, temporary=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PAR1" + b"\0" * 50, r"is damaged, far too large or of an unknown kind\. Write it again, or as \.csv"),
        (b"PARE1234", "is an encrypted parquet file"),
        (b"ARROW1\0\0", r"is an Arrow \(Feather\) file"),
    ],
)
def test_what_only_begins_like_a_table_of_columns_is_refused_with_the_way_out(content, message, tmp_path):
    (tmp_path / "people.parquet").write_bytes(content)

    with pytest.raises(InputError, match=rf"^people\.parquet {message}"):
        open_table(tmp_path / "people.parquet", temporary=tmp_path)


def test_nothing_repeated_a_thousand_million_times_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "people.parquet"
    whole = pa.table({"姓名": pa.nulls(1_000_000)})
    with pq.ParquetWriter(path, whole.schema) as writer:
        for _ in range(10):
            writer.write_table(whole)
    assert path.stat().st_size < 20_000

    with pytest.raises(InputError, match=r"^people\.parquet is damaged, far too large"):
        open_table(path, temporary=tmp_path)


def test_more_text_than_the_process_may_hold_is_refused(tmp_path):
    """Twenty thousand rows of one text of a megabyte each take a megabyte in the file and 20 GB outside of it."""
    path = tmp_path / "people.parquet"
    pq.write_table(
        pa.table({"姓名": pa.array(["x" * 1_000_000]).take(pa.array([0] * 2)).dictionary_encode().take(pa.array([0] * 20_000))}),
        path,
    )

    with pytest.raises(InputError, match=r"^people\.parquet (needs more memory than a file of its kind|cannot be read)"):
        open_table(path, temporary=tmp_path)


def test_a_table_of_more_columns_than_a_sheet_has_is_refused(tmp_path, monkeypatch):
    assert parquet_child.MAX_COLUMNS == 16_384
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table([pa.nulls(1)] * 16_385, names=[str(n) for n in range(16_385)]), path)

    with pytest.raises(InputError, match=r"^people\.parquet is damaged, far too large"):
        open_table(path, temporary=tmp_path)
