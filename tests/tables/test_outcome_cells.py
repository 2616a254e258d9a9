"""The 23 cells beside a row."""

from __future__ import annotations

from datetime import UTC, datetime

from batchverify.model import Billed, Field, Outcome, RowSource, RowStatus
from batchverify.tables.outcome_cells import OUR_WIDTHS, cells_of_outcome, our_header
from batchverify.words import RESULT_COLUMNS, Lang, recognise_status

AT = datetime(2026, 11, 24, 2, 55, 1, 999, tzinfo=UTC)
FULL = Outcome(
    status=RowStatus.MATCHED,
    code="01",
    source=RowSource.ASKED,
    message="验证通过",
    billed=Billed.YES,
    details={
        "bank": "建设银行",
        "cardName": "龙卡",
        "cardType": "借记卡",
        "sex": "男",
        "area": "北京市东城区",
        "province": "北京市",
        "city": "北京市",
        "prefecture": "东城区",
        "birthday": "1990-01-01",
        "addrCode": "110101",
        "lastCode": "7",
    },
    notes=("idCard:lowercase_x", "name:spaces"),
    warnings=("accountNo:luhn",),
    duplicate_of=4,
    asked_at=AT,
    retry_at=AT,
    request_id="R-1",
    row_tag="0a1b2c3d",
)


def test_the_cells_stand_in_the_order_of_the_columns():
    cells = dict(zip(our_header(Lang.EN), cells_of_outcome(FULL, lang=Lang.EN, simulated=False), strict=True))

    assert cells == {
        "bv_status": "matched",
        "bv_code": "01",
        "bv_message": "All fields belong together. (card number: the last digit does not agree with the others)",
        "bv_action": "Nothing to do.",
        "bv_source": "asked",
        "bv_billed": "1",
        "bv_bank": "建设银行",
        "bv_card_name": "龙卡",
        "bv_card_type": "借记卡",
        "bv_sex": "男",
        "bv_area": "北京市东城区",
        "bv_province": "北京市",
        "bv_city": "北京市",
        "bv_prefecture": "东城区",
        "bv_birthday": "1990-01-01",
        "bv_addr_code": "110101",
        "bv_last_code": "7",
        "bv_sent_as": "ID number: lowercase x made X; name: spaces removed",
        "bv_duplicate_of": "4",
        "bv_asked_at": "2026-11-24T10:55:01+08:00",
        "bv_retry_at": "2026-11-24T10:55:01+08:00",
        "bv_request_id": "R-1",
        "bv_row": "0a1b2c3d",
    }


def test_chinese_labels_and_a_simulated_source():
    cells = dict(zip(our_header(Lang.ZH), cells_of_outcome(FULL, lang=Lang.ZH, simulated=True), strict=True))

    assert cells["核验结果"] == "一致"
    assert cells["结果来源"] == "实时-simulated"
    assert cells["核验说明"] == "各项信息一致。（银行卡号：校验位不符）"
    assert cells["发送差异"] == "身份证号：小写 x 转大写；姓名：已去除空格"


def test_every_status_is_recognised_when_read_back():
    for lang in Lang:
        for status in RowStatus:
            cells = cells_of_outcome(Outcome(status=status, code="01", source=RowSource.LOCAL), lang=lang, simulated=False)
            assert recognise_status(cells[0]) is status


def test_what_has_not_happened_is_blank():
    cells = cells_of_outcome(
        Outcome(status=RowStatus.NOT_RUN, code="budget", source=RowSource.LOCAL), lang=Lang.EN, simulated=False
    )

    assert cells[6:] == [""] * 17
    assert cells[5] == "0"


def test_a_code_for_any_field_names_the_field():
    blocked = Outcome(status=RowStatus.BLOCKED, code="missing_field", source=RowSource.LOCAL, at=Field.ID_CARD)

    assert cells_of_outcome(blocked, lang=Lang.EN, simulated=False)[2] == "ID number: A field that the check needs is empty."
    assert cells_of_outcome(blocked, lang=Lang.ZH, simulated=False)[2] == "身份证号：核验所需的字段为空。"


def test_a_status_that_nobody_knows_keeps_the_vendors_words():
    odd = Outcome(status=RowStatus.IN_DOUBT, code="777", source=RowSource.ASKED, message="系统维护", billed=Billed.UNKNOWN)

    cells = cells_of_outcome(odd, lang=Lang.EN, simulated=False)

    assert (cells[1], cells[5]) == ("777", "?")
    assert cells[2].endswith(" 系统维护")


def test_there_is_a_width_for_each_column():
    assert len(OUR_WIDTHS) == len(RESULT_COLUMNS) == 23
