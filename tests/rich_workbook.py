"""A workbook with what offices put in: a list of people among all the things that a program which only knows cells would lose.

The one thing to know: xlsxwriter makes it but for the pivot table, which is laid over the list itself, part by part as Excel
spells them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import xlsxwriter

from tests.builders import a_row

PEOPLE = 8
#: Where the list is, the second sheet; the pivot table is on the sixth.
LIST_PART, PIVOT_SHEET_PART = "xl/worksheets/sheet2.xml", "xl/worksheets/sheet6.xml"
PIVOT_PARTS = (
    "xl/pivotTables/pivotTable1.xml",
    "xl/pivotCache/pivotCacheDefinition1.xml",
    "xl/pivotCache/pivotCacheRecords1.xml",
)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def picture() -> bytes:
    """Spell a PNG of one red dot."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


def rich_workbook(path: Path, *, temporary: Path) -> Path:
    """Write a list of people among charts, pictures, comments, checks, formats, names, a pivot, protected and hidden sheets."""
    dot, draft = temporary / "dot.png", temporary / "draft.xlsx"
    dot.write_bytes(picture())
    with xlsxwriter.Workbook(draft) as book:
        _figures(book, dot)
        _people(book, dot)
        locked = book.add_worksheet("密")
        locked.protect("x")
        locked.write(0, 0, "受保护", book.add_format({"bold": True}))
        hidden = book.add_worksheet("藏")
        hidden.very_hidden()
        hidden.write(0, 0, "隐藏")
        table = book.add_worksheet("表")
        table.add_table("A1:B3", {"data": [["甲", 1], ["乙", 2]], "columns": [{"header": "部门"}, {"header": "人数"}]})
        pivot = book.add_worksheet("透视")
        for number, line in enumerate(
            [("行标签", "求和项:金额"), *_pivot_lines(), ("总计", sum(amount for _, amount in _pivot_lines()))]
        ):
            pivot.write_row(number, 0, line)
        book.define_name("合计", "=统计!$B$1")
        book.define_name("名单!本表", "=名单!$A$1:$E$9")
        book.set_properties({"title": "核验名单", "author": "测试"})
    _add_pivot(draft, path)
    return path


def _figures(book: xlsxwriter.Workbook, dot: Path) -> None:
    money = book.add_format({"num_format": "#,##0.00"})
    figures = book.add_worksheet("统计")
    figures.write_column(0, 0, [3, 1, 2], money)
    figures.write_formula("B1", "=SUM(A1:A3)", money, 6)
    figures.write_array_formula("C1:C2", "{=A1:A2*2}", money, 6)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=统计!$A$1:$A$3"})
    figures.insert_chart("D2", chart)
    figures.insert_image("D20", str(dot))
    figures.insert_textbox("H2", "请勿修改")


def _people(book: xlsxwriter.Workbook, dot: Path) -> None:
    bold, money, text = (book.add_format(one) for one in ({"bold": True}, {"num_format": "#,##0.00"}, {"num_format": "@"}))
    red = book.add_format({"bg_color": "#FFC7CE"})
    people = book.add_worksheet("名单")
    people.write_row(0, 0, ["姓名", "身份证号", "银行卡号", "金额", "链接"], bold)
    for number in range(1, PEOPLE + 1):
        people.write_row(number, 0, list(a_row(number).values())[:3], text)
        people.write_number(number, 3, number * 1.5, money)
    people.write_rich_string("A4", bold, a_row(3)["name"][:1], a_row(3)["name"][1:])
    people.write_url("E2", "https://example.com/a", string="说明")
    people.write_comment("A2", "测试批注")
    people.conditional_format("D2:D9", {"type": "data_bar"})
    people.conditional_format("B2:B9", {"type": "duplicate", "format": red})
    people.data_validation("E3:E9", {"validate": "list", "source": ["是", "否"]})
    people.add_sparkline("E4", {"range": "名单!D2:D9"})
    people.set_column("A:A", 30)
    people.set_column("F:H", 12, red)
    people.set_row(4, 40)
    people.set_row(6, None, None, {"level": 1, "hidden": True})
    people.freeze_panes(1, 1)
    people.autofilter("A1:E9")
    people.repeat_rows(0)
    people.print_area("A1:E9")
    people.set_header("&C核验名单")
    people.set_v_pagebreaks([5])
    people.insert_image("H3", str(dot))


def _pivot_lines() -> list[tuple[str, float]]:
    amounts: dict[str, float] = {}
    for number in range(1, PEOPLE + 1):
        name = a_row(number)["name"]
        amounts[name] = amounts.get(name, 0) + number * 1.5
    return list(amounts.items())


def _pivot_parts() -> Mapping[str, str]:
    names = [name for name, _ in _pivot_lines()]
    items = "".join(f'<s v="{name}"/>' for name in names)
    rows = "".join(
        f'<r><x v="{names.index(a_row(number)["name"])}"/><s v="{a_row(number)["idCard"]}"/><s v="{a_row(number)["accountNo"]}"/>'
        f'<n v="{number * 1.5:g}"/><m/></r>'
        for number in range(1, PEOPLE + 1)
    )
    shown = "".join(f'<item x="{at}"/>' for at in range(len(names)))
    lines = "<i><x/></i>" + "".join(f'<i><x v="{at}"/></i>' for at in range(1, len(names)))
    table, definition, records = PIVOT_PARTS
    return {
        definition: (
            f'<pivotCacheDefinition xmlns="{_MAIN}" xmlns:r="{_LINKS}" r:id="rId1" refreshedBy="测试" refreshedDate="46350" '
            f'createdVersion="6" refreshedVersion="6" minRefreshableVersion="3" recordCount="{PEOPLE}"><cacheSource type="worksheet">'
            '<worksheetSource ref="A1:E9" sheet="名单"/></cacheSource><cacheFields count="5">'
            f'<cacheField name="姓名" numFmtId="0"><sharedItems count="{len(names)}">{items}</sharedItems></cacheField>'
            '<cacheField name="身份证号" numFmtId="0"><sharedItems/></cacheField>'
            '<cacheField name="银行卡号" numFmtId="0"><sharedItems/></cacheField>'
            '<cacheField name="金额" numFmtId="4"><sharedItems containsSemiMixedTypes="0" containsString="0" containsNumber="1" '
            'minValue="1.5" maxValue="12"/></cacheField>'
            '<cacheField name="链接" numFmtId="0"><sharedItems containsNonDate="0" containsString="0" containsBlank="1"/></cacheField>'
            "</cacheFields></pivotCacheDefinition>"
        ),
        records: f'<pivotCacheRecords xmlns="{_MAIN}" xmlns:r="{_LINKS}" count="{PEOPLE}">{rows}</pivotCacheRecords>',
        table: (
            f'<pivotTableDefinition xmlns="{_MAIN}" name="数据透视表1" cacheId="1" dataCaption="值" createdVersion="6" updatedVersion="6" '
            f'minRefreshableVersion="3" rowHeaderCaption="行标签"><location ref="A1:B{len(names) + 2}" firstHeaderRow="1" firstDataRow="1" '
            f'firstDataCol="1"/><pivotFields count="5"><pivotField axis="axisRow" showAll="0"><items count="{len(names) + 1}">{shown}'
            '<item t="default"/></items></pivotField><pivotField showAll="0"/><pivotField showAll="0"/>'
            '<pivotField dataField="1" numFmtId="4" showAll="0"/><pivotField showAll="0"/></pivotFields>'
            f'<rowFields count="1"><field x="0"/></rowFields><rowItems count="{len(names) + 1}">{lines}<i t="grand"><x/></i></rowItems>'
            '<colItems count="1"><i/></colItems><dataFields count="1"><dataField name="求和项:金额" fld="3" baseField="0" baseItem="0" '
            'numFmtId="4"/></dataFields><pivotTableStyleInfo name="PivotStyleLight16" showRowHeaders="1" showColHeaders="1"/>'
            "</pivotTableDefinition>"
        ),
        "xl/pivotTables/_rels/pivotTable1.xml.rels": _links("pivotCacheDefinition", "../pivotCache/pivotCacheDefinition1.xml"),
        "xl/pivotCache/_rels/pivotCacheDefinition1.xml.rels": _links("pivotCacheRecords", "pivotCacheRecords1.xml"),
        "xl/worksheets/_rels/sheet6.xml.rels": _links("pivotTable", "../pivotTables/pivotTable1.xml"),
    }


def _links(kind: str, target: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_LINKS}/{kind}" Target="{target}"/></Relationships>'


def _add_pivot(draft: Path, path: Path) -> None:
    """Copy the draft, and tie a pivot table over its list into it."""
    parts = _pivot_parts()
    link = f'<Relationship Id="rId99" Type="{_LINKS}/pivotCacheDefinition" Target="pivotCache/pivotCacheDefinition1.xml"/>'
    kinds = zip(PIVOT_PARTS, ("pivotTable", "pivotCacheDefinition", "pivotCacheRecords"), strict=True)
    types = "".join(f'<Override PartName="/{name}" ContentType="{_TYPE}.{kind}+xml"/>' for name, kind in kinds)
    changes = {
        "xl/workbook.xml": ("</workbook>", '<pivotCaches><pivotCache cacheId="1" r:id="rId99"/></pivotCaches>'),
        "xl/_rels/workbook.xml.rels": ("</Relationships>", link),
        "[Content_Types].xml": ("</Types>", types),
    }
    with ZipFile(draft) as source, ZipFile(path, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name in changes:
                end, added = changes[name]
                content = content.replace(end.encode(), (added + end).encode())
            target.writestr(name, content)
        for name, text in parts.items():
            target.writestr(name, _DECLARATION + text)
