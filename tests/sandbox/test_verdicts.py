"""The verdict table, against the status lists that the vendor's documents and clients show."""

from __future__ import annotations

import pytest

from batchverify.sandbox.verdicts import PRODUCTS, answer_to, verdict_on

BY_WORD = {product.word: product for product in PRODUCTS}
SAMPLE = {"name": "张三", "idCard": "511126199511111111", "accountNo": "621411111111149563", "mobile": "13800138001"}

PLAIN = {"01", "02", "202", "203", "204", "205", "206"}
DETAIL = {f"{number:02d}" for number in range(1, 17)} | {
    "202",
    "203",
    "204",
    "205",
    "206",
    "208",
    "209",
    "211",
    "3008",
    "3999",
    "9999",
}
STATUSES = {
    "bank3": PLAIN,
    "bank3-detail": DETAIL,
    "bank4": PLAIN | {"207"},
    "bank4-detail": DETAIL,
    "id2": {"01", "02", "202", "203", "204", "205"},
}
WITH_CARD = ["bank3", "bank3-detail", "bank4", "bank4-detail"]


def a_question(**fields):
    return {"name": "李四", "idCard": "110101199003070011", "accountNo": "6217000000000007", "mobile": "13800138001"} | fields


def verdict(word, **fields):
    product = BY_WORD[word]
    return verdict_on(product, {name: value for name, value in a_question(**fields).items() if name in product.fields})


def by_card(word):
    return {digits: verdict(word, accountNo=f"62170000000{digits}7") for digits in (f"{n:02d}" for n in range(100))}


@pytest.mark.parametrize("word", WITH_CARD)
def test_the_cards_digits_can_bring_about_every_status(word):
    assert set(by_card(word).values()) == STATUSES[word]


def test_the_ids_sequence_can_bring_about_every_status_of_id2():
    found = {verdict("id2", idCard=f"11010119900307{sequence:03d}1") for sequence in range(1000)}

    assert found == STATUSES["id2"]


@pytest.mark.parametrize("word", WITH_CARD)
def test_most_cards_match(word):
    assert sum(status == "01" for status in by_card(word).values()) >= 70


@pytest.mark.parametrize(
    ("digits", "status"), [("02", "02"), ("09", "09"), ("16", "16"), ("52", "202"), ("61", "211"), ("38", "3008"), ("99", "9999")]
)
def test_the_digits_before_the_last_say_the_status(digits, status):
    assert by_card("bank3-detail")[digits] == status


@pytest.mark.parametrize("word", ["bank3", "bank4"])
def test_a_plain_path_says_02_for_what_only_the_detail_path_knows(word):
    plain, detail = by_card(word), by_card("bank3-detail")

    assert {plain[digits] for digits, status in detail.items() if status not in STATUSES[word]} == {"02"}


@pytest.mark.parametrize("word", STATUSES)
def test_the_vendors_own_sample_matches(word):
    assert verdict(word, **SAMPLE) == "01"


@pytest.mark.parametrize("word", WITH_CARD)
@pytest.mark.parametrize("other", [{"name": "李四"}, {"idCard": "110101199003070011"}])
def test_the_vendors_sample_card_is_nobody_elses(word, other):
    assert verdict(word, **SAMPLE | other) == "02"


def test_the_vendors_sample_id_with_another_name_goes_by_its_sequence():
    assert verdict("id2", idCard=SAMPLE["idCard"], name="李四") == "01"


@pytest.mark.parametrize(
    ("word", "fields", "status"),
    [
        ("bank3", {"name": " "}, "204"),
        ("id2", {"name": ""}, "204"),
        ("bank3", {"idCard": "110101900307001"}, "205"),
        ("id2", {"idCard": "110101199002300011"}, "205"),
        ("bank3-detail", {"accountNo": "6217"}, "206"),
        ("bank4", {"mobile": "1380013"}, "207"),
        ("bank4-detail", {"mobile": "1380013"}, "209"),
        ("bank4", {"mobile": "13800130000"}, "02"),
        ("bank4-detail", {"mobile": "13800130000"}, "02"),
    ],
)
def test_what_cannot_be_a_field_has_its_status(word, fields, status):
    assert verdict(word, **fields) == status


@pytest.mark.parametrize("word", STATUSES)
def test_every_status_has_a_message(word):
    product = BY_WORD[word]

    assert set(product.messages) == STATUSES[word]
    assert all(answer_to(product, a_question(), status=status)["msg"].strip() for status in STATUSES[word])


@pytest.mark.parametrize("status", ["02", "203", "09"])
def test_only_a_match_tells_anything(status):
    answer = answer_to(BY_WORD["bank3-detail"], a_question(), status=status)

    assert set(list(answer.values())[5:]) == {""}
    assert len(answer) == 16
