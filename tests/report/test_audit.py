"""The report's document and its three drawings: whole, escaped, without anything from outside, the same each time."""

from __future__ import annotations

import re
import sys
import zlib
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO

import pytest
from openpyxl import load_workbook

from batchverify.errors import InputError
from batchverify.model import Field, RowStatus
from batchverify.report.audit import Evidence, Mandate, document_text, signed_bytes
from batchverify.report.audit_words import audit_word
from batchverify.report.blocks import Grid
from batchverify.report.book import book_of, embedded_in_book
from batchverify.report.html import embedded_in_html, html_of
from batchverify.report.pages import pages_of
from batchverify.report.pdf import embedded_in_pdf, pdf_of
from batchverify.report.summary import Bill, GroupBill, InputFacts, Quota
from batchverify.rules.canonical import canonical, parse
from batchverify.rules.sums import check_sums
from batchverify.store.signing import is_signed
from batchverify.tables.our_book import book_bytes, texts_of_sheets
from batchverify.words import Lang, label_of_status
from tests.report.reports import SIGNER, a_document, a_report, a_run, a_summary
from tests.threats import guards

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></style><b>",
    "#panic() $x$ *b* @ref // \\",
    "=cmd|' /C calc'!A0",
    "_x0041_ &amp; \u202e",
)
RARE = "䶮𬭎㛃"


def hostile_document():
    return a_document(
        summary=a_summary(
            input=InputFacts(name=f"{HOSTILE[1]}.xlsx", sha256="ab" * 32, sheet=HOSTILE[2], encoding=HOSTILE[3]),
            endpoint_host=HOSTILE[0],
            bill=Bill(
                billed=4,
                not_billed=1,
                in_doubt=1,
                windows=a_summary().bill.windows,
                by_status=a_summary().bill.by_status,
                cost_by=HOSTILE[0],
                groups=(
                    GroupBill(value=HOSTILE[4], billed=4, in_doubt=1, saved=3),
                    GroupBill(value=None, not_billed=1),
                    GroupBill(value=""),
                ),
            ),
        ),
        mapping={Field.NAME: HOSTILE[0], Field.ID_CARD: HOSTILE[4], Field.MOBILE: HOSTILE[3]},
        mandate=Mandate(operator=HOSTILE[0], purpose=HOSTILE[4], authorization=HOSTILE[5], approved_by=HOSTILE[3]),
    )


def inflated(pdf: bytes) -> bytes:
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompressobj().decompress(stream))
        except zlib.error:
            found.append(stream)
    return b"".join(found)


class Tags(HTMLParser):
    """Every tag and attribute of a page, and the text that is seen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.texts: list[str] = []
        self.feed(page)
        self.text = "".join(self.texts)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_data(self, data):
        self.texts.append(data)


# The document ---------------------------------------------------------------------------------------------------------


def test_its_sums_agree_and_its_signature_is_over_everything_else():
    document = a_document()

    assert check_sums(document) == []
    assert is_signed(signed_bytes(document), public_key=SIGNER.public_key, signature=document["signature"])
    assert parse(document_text(document)) == document
    assert b"signature" not in signed_bytes(document)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outcomes": {(RowStatus.MATCHED, "01"): 4}}, "status.matched is 5, but the sum of outcomes with matched is 4."),
        ({"ask_classes": ()}, "asks.sent is 6, but the sum of ask_classes is 0."),
        ({"runs": (a_run(2),)}, "asks.sent is 6, but the sum of runs.asks is 2."),
        ({"runs": (a_run(1), a_run(2, spent=9))}, "asks.billed + in_doubt is 5, but the sum of runs.spent is 13."),
        (
            {"runs": (a_run(1), a_run(2, head="00" * 32))},
            f"ledger_head is {'cd' * 32}, but the head of the last run is {'00' * 32}.",
        ),
        ({"leaves": 9}, "merkle.leaves is 9, but runs + rows is 10."),
        ({"sample": a_report().sample[:1] * 2}, "the count of sample is 2, but its different rows is 1."),
        ({"sample": a_report().sample * 3}, "the count of sample is 9, more than what may be shown, which is 8."),
        (
            {"evidence": Evidence(attempts=6, first=1, last=6, request_ids=7, sha256="", in_doubt=0, listed=())},
            "evidence.request_ids is 7, more than evidence.attempts, which is 6.",
        ),
    ],
)
def test_a_sum_that_does_not_agree_is_named(changes, said):
    assert said in check_sums(a_document(**changes))


def test_a_run_left_with_other_asks_than_it_spent_is_named():
    document = a_document()
    document["runs"][0]["left_after"] = 95

    assert check_sums(document) == ["j-abcdefgh.1 left_after is 95, but left_before − spent is 96."]


# What all drawings say ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", list(Lang))
def test_every_field_of_an_audit_stands_in_page_pdf_and_workbook(lang):
    document = a_document()
    page = Tags(html_of(document, lang)).text
    book = "\n".join(text for _, cells in texts_of_sheets(book_of(document, lang)[:-1]) for text in cells.values())
    laid_out = repr(pages_of(document, lang))
    wanted = [
        *("batchverify 0.1.0", "名单.xlsx", "ab" * 32, "名单", "bank3", "bcard3and4.market.alicloudapi.com", "姓名", "身份证号"),
        *("李四", "工资卡核对", "HR-2026-11", "2026-11-24 10:50:01", "2026-11-24 02:50:01", "block", "id_checksum", "timeout"),
        *("0.19", "0.76", "0.95", "0.57", "2026-11-24 10:50:01 – 11:00:01", "j-abcdefgh.1", "ef" * 32, "cd" * 32, "56" * 32),
        *("12" * 32, "8F3C1D6E-0C6B-5B2A-9D3E-7A1B2C3D4E5F", "110***********7081", "621700*********7081", "34" * 32),
        *(SIGNER.public_key, document["signature"], document["signer"]["fingerprint"], "名单.verified.xlsx"),
        *(label_of_status(status, lang) for status in RowStatus),
        *(
            audit_word(word, lang)
            for word in ("limit", "how", "prepared", "checked", "approved", "date", "most_in_one_second", "partly", "statements")
        ),
    ]

    assert [text for text in wanted if text not in page] == []
    assert [text for text in wanted if text not in laid_out] == []
    # A workbook sets figures as numbers and the date of the sign-off into one cell.
    assert [text for text in wanted if text not in book] == []


@pytest.mark.parametrize("lang", list(Lang))
def test_no_word_of_one_language_stands_in_the_other(lang):
    page = Tags(html_of(a_document(), lang)).text
    own, other = (Lang.EN, Lang.ZH) if lang is Lang.EN else (Lang.ZH, Lang.EN)

    for word in ("glance", "mandate", "cost", "windows", "runs", "evidence", "sample", "proof", "sign_off"):
        assert audit_word(word, own) in page
        assert audit_word(word, other) not in page


@pytest.mark.parametrize("lang", list(Lang))
def test_a_simulated_report_says_so_everywhere(lang):
    document = a_document(summary=a_summary(simulated=True))
    banner = audit_word("simulated", lang)
    pages = pages_of(document, lang)
    *sheets, _ = book_of(document, lang)

    assert banner in Tags(html_of(document, lang)).text
    assert pages.foot.startswith(audit_word("simulated_short", lang))
    assert pages.banner == banner
    assert [sheet.title for sheet in sheets if (banner,) not in sheet.rows[:3]] == []


def test_a_real_report_says_nothing_of_a_sandbox():
    assert "SIMULATED" not in html_of(a_document(), Lang.EN)


@pytest.mark.parametrize(
    ("quota", "says"),
    [
        (Quota(total=100, left_before=20, left_after=15), "100 · 20 · 15 (low balance: less than 20 % is left)"),
        (Quota(total=100, left_before=None, left_after=90), "100 · – · 90"),
        (Quota(), "not known: no package is registered"),
    ],
)
def test_packages_before_and_after_are_told(quota, says):
    assert says in Tags(html_of(a_document(summary=a_summary(quota=quota)), Lang.EN)).text


def test_a_bill_split_by_a_column_is_told():
    page = Tags(html_of(hostile_document(), Lang.EN)).text

    assert f"By column {HOSTILE[0]}" in page
    assert "(in no row any more)" in page
    assert "(blank)" in page
    assert "0.76 – 0.95" in page


@pytest.mark.parametrize(("starts", "word"), [((), "not reconciled"), ((0,), "partly"), ((0, 10), "reconciled")])
def test_how_far_the_vendors_usage_reaches_is_told(starts, word):
    (one,) = a_report().statements
    said = tuple(replace(one, start=one.start + timedelta(minutes=minutes)) for minutes in starts)

    page = Tags(html_of(a_document(statements=said), Lang.EN)).text

    assert audit_word(word, Lang.EN) in page
    assert page.count("All that was in doubt was billed.") == len(starts)


def test_what_is_not_listed_is_counted():
    evidence = Evidence(attempts=6, first=1, last=6, request_ids=4, sha256="", in_doubt=101, listed=a_report().evidence.listed)

    assert "100 more are not listed here." in Tags(html_of(a_document(evidence=evidence), Lang.EN)).text


def test_an_empty_job_has_words_instead_of_empty_tables():
    document = a_document(
        summary=a_summary(bill=Bill(), product=None),
        runs=(a_run(1, asks=0, spent=0, qps=None),),
        ask_classes=(),
        outcomes={},
        evidence=Evidence(attempts=0, first=None, last=None, request_ids=0, sha256="", in_doubt=0, listed=()),
        sample=(),
        outputs=(),
    )
    for section in pages_of(document, Lang.EN).sections:
        assert [block for block in section.blocks if isinstance(block, Grid) and not block.rows] == []
    assert "auto (by row)" in Tags(html_of(document, Lang.EN)).text
    assert pdf_of(document, Lang.EN).startswith(b"%PDF")


# The page -----------------------------------------------------------------------------------------------------------------


def test_hostile_names_stay_names_on_the_page():
    page = html_of(hostile_document(), Lang.EN)
    tags = Tags(page)

    assert tags.tags & {"script", "img", "b", "iframe", "link", "object", "a", "form"} == set()
    assert [pair for pair in tags.attributes if pair[0].startswith("on") or pair[0] in {"href", "src", "style"}] == []
    assert [text for text in HOSTILE[:5] if text not in tags.text] == []


def test_the_page_needs_nothing_from_outside():
    page = html_of(a_document(), Lang.ZH)

    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page) == []
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_the_page_carries_the_document_and_is_the_same_each_time():
    for lang in Lang:
        document = hostile_document()
        page = html_of(document, lang)
        found = embedded_in_html(page)

        assert found == (canonical(document).decode(), lang)
        assert html_of(parse(found[0]), lang) == page
    assert embedded_in_html("<html></html>") is None
    assert embedded_in_html('<pre id="batchverify-report" hidden>{}</pre>') is None


def test_a_hash_may_break_and_is_copied_whole():
    page = html_of(a_document(), Lang.EN)

    assert "<wbr>".join([("56" * 32)[at : at + 16] for at in range(0, 64, 16)]) in page


# The PDF -------------------------------------------------------------------------------------------------------------------


def test_the_pdf_carries_the_document_and_is_the_same_each_time():
    named = a_document(summary=a_summary(input=InputFacts(name="stream endstream.xlsx", sha256="ab" * 32)))
    for lang, document in ((Lang.EN, hostile_document()), (Lang.ZH, named)):
        pdf = pdf_of(document, lang)
        found = embedded_in_pdf(pdf)

        assert found == (canonical(document).decode(), lang)
        assert pdf_of(parse(found[0]), lang) == pdf


def test_the_pdf_has_the_rare_characters_of_names_in_its_own_fonts():
    pdf = pdf_of(a_document(mandate=Mandate(operator=RARE, purpose="", authorization="")), Lang.ZH)
    mapped = inflated(pdf).upper()

    assert [char for char in RARE if f"<{char.encode('utf-16-be').hex()}>".upper().encode() not in mapped] == []
    assert b"NOTOSANSCJK" in pdf.upper() + mapped


def test_the_pdf_is_a4_and_dated_by_the_job_not_by_the_clock():
    pdf = pdf_of(a_document(), Lang.EN)
    told = pdf + inflated(pdf)

    assert b"595.27" in told
    assert b"841.88" in told
    assert b"20261124030704" in told.replace(b"D:", b"")


def test_without_typst_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)

    with pytest.raises(InputError, match=r"A PDF needs the extra 'pdf'. Install it with `pip install 'batchverify\[pdf\]'`"):
        pdf_of(a_document(), Lang.EN)


def test_without_a_chinese_font_the_package_is_named(monkeypatch):
    monkeypatch.setattr("batchverify.report.pdf._SANS", ("No Such Font",))

    with pytest.raises(InputError, match=r"needs a font with Chinese characters.*apt install fonts-noto-cjk"):
        pdf_of(a_document(), Lang.EN)


def test_a_pdf_of_somebody_else_carries_nothing():
    bomb = b"stream\n" + zlib.compress(bytes(1 << 24)) + b"endstream"

    assert embedded_in_pdf(b"%PDF-1.7\n" + bomb * 1000) is None
    assert embedded_in_pdf(b"%PDF-1.7\n" + b"stream\n" * 1_000_000) is None
    assert embedded_in_pdf(b'%PDF-1.7\nstream\n{"ask_classes":batchverify audit report\xff\nendstream') is None


# The workbook ---------------------------------------------------------------------------------------------------------------


def test_the_workbook_carries_the_document_and_is_the_same_each_time():
    for lang in Lang:
        document = hostile_document()
        sheets = book_of(document, lang)
        found = embedded_in_book(texts_of_sheets(sheets))

        assert found == (canonical(document).decode(), lang)
        assert book_bytes(book_of(parse(found[0]), lang)) == book_bytes(sheets)
    assert embedded_in_book([]) is None
    assert embedded_in_book([("Sheet1", {(1, 0): "x"})]) is None


def test_a_large_document_is_cut_into_cells_that_excel_can_hold():
    document = a_document(mandate=Mandate(operator="长" * 100_000, purpose="", authorization=""))

    book = load_workbook(BytesIO(book_bytes(book_of(document, Lang.EN))))
    pieces = [row[0] for row in book["Data"].iter_rows(min_row=3, values_only=True)]

    assert max(len(str(piece)) for piece in pieces) <= 32_767
    assert "".join(str(piece) for piece in pieces) == canonical(document).decode()


@guards("formulas")
def test_no_cell_of_the_workbook_is_a_formula():
    book = load_workbook(BytesIO(book_bytes(book_of(hostile_document(), Lang.EN))))

    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert HOSTILE[4] in {cell.value for cell in cells}


def test_figures_of_the_workbook_are_numbers():
    book = load_workbook(BytesIO(book_bytes(book_of(a_document(), Lang.EN))))
    rows = {row[0]: row[1:] for row in book["Rows"].iter_rows(values_only=True) if row[0]}

    assert rows["matched"][:2] == (5, "62.5%")
