"""Words for every code, in both languages, for a clerk."""

import re

import pytest

from batchverify.model import Field, Product, RowSource, RowStatus
from batchverify.rules.normalise import NOTES
from batchverify.rules.outcomes import REFUSALS
from batchverify.rules.prepare import BLOCK_CODES, DECIMAL_POINT, UPGRADED_15, WEIGHTS, Weight
from batchverify.rules.verdicts import KNOWN_STATUSES
from batchverify.words import (
    RESULT_COLUMNS,
    SAYINGS,
    Lang,
    action,
    label_of_column,
    label_of_field,
    label_of_note,
    label_of_source,
    label_of_status,
    label_of_warning,
    message,
    recognise_result_column,
    recognise_status,
    result_columns,
)

#: PRODUCT, section 3.
COLUMNS = [
    "bv_status",
    "核验结果",
    "bv_code",
    "核验代码",
    "bv_message",
    "核验说明",
    "bv_action",
    "建议操作",
    "bv_source",
    "结果来源",
    "bv_billed",
    "计费次数",
    "bv_bank",
    "发卡行",
    "bv_card_name",
    "卡名称",
    "bv_card_type",
    "卡类型",
    "bv_sex",
    "性别",
    "bv_area",
    "地址",
    "bv_province",
    "省",
    "bv_city",
    "市",
    "bv_prefecture",
    "区县",
    "bv_birthday",
    "出生日期",
    "bv_addr_code",
    "地区代码",
    "bv_last_code",
    "校验码",
    "bv_sent_as",
    "发送差异",
    "bv_duplicate_of",
    "重复自行",
    "bv_asked_at",
    "核验时间",
    "bv_retry_at",
    "可重试时间",
    "bv_request_id",
    "请求编号",
    "bv_row",
    "行标识",
]
#: Words of ours for asks without an answer and rows that were not asked (RELIABILITY, sections 2 and 4).
ENDINGS = [
    "budget",
    "quota",
    "quota_expired",
    "app_code",
    "overdue",
    "bad_request",
    "interrupted",
    "sample",
    "doubt_limit",
    "breaker",
    "home_error",
    "lease_lost",
    "in_flight",
    "not_reached",
    "id_locked",
    "id_limit",
    "card_limit",
    "released",
    "dns",
    "connect",
    "tls",
    "late",
    "throttled",
    "unavailable",
    "too_long",
    "timeout",
    "reset",
    "truncated",
    "not_json",
    "html",
    "redirect",
    "wrong_encoding",
    "too_large",
    "bad_echo",
    "unknown_status",
    "service_error",
    "server_error",
    "gateway_timeout",
    "process_died",
    "answer_lost",
    "not_counted",
]
HAN = re.compile("[一-鿿]")


def test_our_columns_are_the_23_of_the_manual_in_order():
    assert [word for pair in RESULT_COLUMNS for word in pair] == COLUMNS
    assert len(RESULT_COLUMNS) == 23


@pytest.mark.parametrize(
    "code",
    [
        *BLOCK_CODES,
        *ENDINGS,
        *sorted(REFUSALS),
        "other_certificate",
        *dict.fromkeys(s for t in KNOWN_STATUSES.values() for s in t),
    ],
)
def test_every_code_has_words_of_its_own_in_both_languages(code):
    saying = SAYINGS[code]

    assert (message(code, Lang.EN), action(code, Lang.EN)) == (saying.en, saying.en_action)
    assert (message(code, Lang.ZH), action(code, Lang.ZH)) == (saying.zh, saying.zh_action)


@pytest.mark.parametrize("code", SAYINGS)
def test_each_text_is_made_of_whole_sentences_in_its_language(code):
    saying = SAYINGS[code]

    for english in (saying.en, saying.en_action):
        assert re.fullmatch(r"[A-Z].*[.`]", english)
        assert not HAN.search(english)
    for chinese in (saying.zh, saying.zh_action):
        assert HAN.search(chinese)
        assert chinese.endswith("。")
        assert "。。" not in chinese


def test_no_two_block_codes_say_the_same():
    for lang in Lang:
        assert len({message(code, lang) for code in BLOCK_CODES}) >= len(BLOCK_CODES) - 1


@pytest.mark.parametrize(
    "code", [code for code in ENDINGS if code in {"timeout", "reset", "truncated", "html", "process_died", "bad_echo"}]
)
def test_doubt_is_called_doubt(code):
    assert "may have been billed" in message(code, Lang.EN)
    assert "可能已计费" in message(code, Lang.ZH)
    assert "quota reconcile" in action(code, Lang.EN)


def test_a_status_nobody_has_seen_gets_the_words_of_an_unknown_one():
    assert message("777", Lang.ZH) == message("unknown_status", Lang.ZH)
    assert action("777", Lang.EN) == action("unknown_status", Lang.EN)


@pytest.mark.parametrize("lang", Lang)
def test_statuses_and_sources_have_a_word_each(lang):
    assert len({label_of_status(status, lang) for status in RowStatus}) == len(RowStatus)
    assert len({label_of_source(source, lang) for source in RowSource}) == len(RowSource)
    assert len({label_of_field(field, lang) for field in Field}) == len(Field)


def test_a_status_is_recognised_in_both_languages():
    for status in RowStatus:
        for lang in Lang:
            assert recognise_status(f" {label_of_status(status, lang)} ") is status
    assert recognise_status("一 致") is None


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize("note", [*NOTES, DECIMAL_POINT, UPGRADED_15])
def test_every_note_has_words(note, lang):
    for field in Field:
        assert bool(HAN.search(label_of_note(f"{field}:{note}", lang).replace("“·”", ""))) == (lang is Lang.ZH)


@pytest.mark.parametrize("lang", Lang)
@pytest.mark.parametrize(
    "warning", [word for word, weight in WEIGHTS.items() if weight in {Weight.ERROR, Weight.LUHN, Weight.WARNING}]
)
def test_everything_that_can_be_sent_with_a_warning_has_words(warning, lang):
    for field in Field:
        assert bool(HAN.search(label_of_warning(f"{field}:{warning}", lang))) == (lang is Lang.ZH)


def test_a_column_of_ours_is_recognised_by_key_and_by_label():
    for key, label in RESULT_COLUMNS:
        assert label_of_column(key, Lang.EN) == key
        assert label_of_column(key, Lang.ZH) == label
        assert recognise_result_column(f" {key.upper()}\n") == key
        assert recognise_result_column(f"\u3000{label[0]} {label[1:]}") == key
    assert recognise_result_column("姓名") is None
    assert recognise_result_column("bv_new") is None
    assert recognise_result_column("") is None


@pytest.mark.parametrize("lang", Lang)
def test_our_columns_are_found_behind_the_users_own(lang):
    users = ["姓名", "身份证号", "性别", "出生日期"]
    headers = users + [label_of_column(key, lang) for key, _ in RESULT_COLUMNS] + ["备注", "市"]

    assert result_columns(headers) == {key: len(users) + place for place, (key, _) in enumerate(RESULT_COLUMNS)}


@pytest.mark.parametrize(
    "headers",
    [[], ["姓名", "性别", "省", "市"], ["姓名", "核验结果", "性别"], ["行标识", "性别", "核验结果"], ["bv_something"]],
)
def test_a_sheet_that_was_never_a_result_has_no_columns_of_ours(headers):
    assert result_columns(headers) == {}


def test_a_result_of_which_columns_were_deleted_or_moved_is_still_recognised():
    assert result_columns(["BV_Row", "name", "bv_status"]) == {"bv_row": 0, "bv_status": 2}
    assert result_columns(["核验结果", "姓名", "省", "行标识", "省"]) == {"bv_status": 0, "bv_province": 2, "bv_row": 3}


def test_every_product_has_words_for_what_its_answers_say():
    for product in Product:
        assert all(message(status, Lang.EN) != message("unknown_status", Lang.EN) for status in KNOWN_STATUSES[product])
