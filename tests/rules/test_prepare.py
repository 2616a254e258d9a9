"""Rows as queries, or why they are never sent."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric

from batchverify.model import Blocked, CheckLevel, Field, NumberCell, OddCell, Product, Query
from batchverify.rules.prepare import BLOCK_CODES, FIELDS, WEIGHTS, CheckPolicy, Weight, auto_product, prepare
from tests.threats import guards

TODAY = date(2026, 11, 24)
NAME, ID, CARD, MOBILE = "张三", "110101199003070011", "6217000000000000004", "13800138000"
ROW = {Field.NAME: NAME, Field.ID_CARD: ID, Field.ACCOUNT_NO: CARD, Field.MOBILE: MOBILE}

#: For every code a row that earns it.
EARNS = {
    "missing_field": (Field.NAME, " \u200b"),
    "precision_lost": (Field.ID_CARD, NumberCell(literal="1.1010119900307E+17")),
    "precision_suspect": (Field.ACCOUNT_NO, NumberCell(literal="6217000000000120")),
    "scientific_text": (Field.ACCOUNT_NO, "6.21412E+17"),
    "formula_without_value": (Field.ID_CARD, OddCell(kind="formula")),
    "odd_cell": (Field.MOBILE, OddCell(kind="date", text="2026-11-24")),
    "id_length": (Field.ID_CARD, ID[:-1]),
    "id_characters": (Field.ID_CARD, "1101O1199003070011"),
    "id_checksum": (Field.ID_CARD, ID[:-1] + "2"),
    "id_birthdate": (Field.ID_CARD, "110101199013070011"),
    "id_future": (Field.ID_CARD, "110101202703070011"),
    "id_15_digits": (Field.ID_CARD, "110101900307001"),
    "minor": (Field.ID_CARD, "11010120200307001" + ric.calc_check_digit("110101202003070010")),
    "card_length": (Field.ACCOUNT_NO, "62170000004"),
    "card_characters": (Field.ACCOUNT_NO, "6217****0004"),
    "card_luhn": (Field.ACCOUNT_NO, CARD[:-1] + "3"),
    "mobile_format": (Field.MOBILE, "12800138000"),
    "name_unreadable": (Field.NAME, "张\ue000"),
    "name_characters": (Field.NAME, "张三2"),
}

EVERYWHERE = {"missing_field", "precision_lost", "scientific_text", "formula_without_value", "odd_cell"}
NOT_WHEN_OFF = EVERYWHERE | {"name_unreadable", "minor"}
#: What each level blocks, as the manual says it.
BLOCKS = {
    CheckLevel.STRICT: set(EARNS),
    CheckLevel.BLOCK: set(EARNS) - {"card_luhn"},
    CheckLevel.WARN: NOT_WHEN_OFF,
    CheckLevel.OFF: EVERYWHERE,
}


def look(cells=(), *, product=Product.BANK4, level=CheckLevel.BLOCK, **allowed):
    return prepare(ROW | dict(cells), product=product, policy=CheckPolicy(level=level, **allowed), today=TODAY)


def test_there_is_a_row_for_every_code():
    assert set(EARNS) == set(BLOCK_CODES)


@pytest.mark.parametrize("level", CheckLevel)
@pytest.mark.parametrize("code", EARNS)
def test_each_level_blocks_what_it_says(code, level):
    field, cell = EARNS[code]

    result = look({field: cell}, level=level)

    if code in BLOCKS[level]:
        assert result == Blocked(code=code, at=field)
    else:
        assert isinstance(result, Query)
        word = "luhn" if code == "card_luhn" else code
        assert (f"{field}:{word}" in result.warnings) == (level is not CheckLevel.OFF)


@pytest.mark.parametrize("level", CheckLevel)
@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        ({Field.NAME: "王\U00020000"}, "name:rare_character"),
        ({Field.NAME: "WANG Xiaoming"}, "name:not_han"),
        ({Field.ID_CARD: "10010119900307001" + ric.calc_check_digit("100101199003070010")}, "idCard:region"),
        ({Field.ID_CARD: "81000019900307001" + ric.calc_check_digit("810000199003070010")}, "idCard:permit"),
        ({Field.ID_CARD: "91115619900307001" + ric.calc_check_digit("911156199003070010")}, "idCard:permanent_residence"),
    ],
)
def test_what_is_only_odd_is_sent_at_every_level(cells, warning, level):
    result = look(cells, level=level)

    assert isinstance(result, Query)
    assert result.warnings == (() if level is CheckLevel.OFF else (warning,))


@pytest.mark.parametrize("product", Product)
def test_a_clean_row_is_sent_as_it_is_with_the_fields_of_the_product_only(product):
    result = look(product=product)

    assert result == Query(
        product=product,
        name=NAME,
        id_card=ID,
        account_no=CARD if Field.ACCOUNT_NO in FIELDS[product] else "",
        mobile=MOBILE if Field.MOBILE in FIELDS[product] else "",
    )


@pytest.mark.parametrize("product", Product)
def test_fields_that_the_product_does_not_take_are_not_looked_at(product):
    damaged = {field: NumberCell(literal="1E+18") for field in Field if field not in FIELDS[product]}

    assert isinstance(look(damaged, product=product), Query)


@pytest.mark.parametrize("product", Product)
def test_each_field_that_the_product_takes_must_be_there(product):
    for missing in FIELDS[product]:
        row = {field: cell for field, cell in ROW.items() if field is not missing}

        assert prepare(row, product=product, policy=CheckPolicy(), today=TODAY) == Blocked(code="missing_field", at=missing)


def test_the_same_person_written_differently_is_the_same_question_with_notes():
    result = look(
        {
            Field.NAME: "张 三",
            Field.ID_CARD: "１10101 19900307 0011",
            Field.ACCOUNT_NO: f'="{CARD}"',
            Field.MOBILE: "+86 138 0013 8000",
        }
    )

    assert isinstance(result, Query)
    assert (result.name, result.id_card, result.account_no, result.mobile) == (NAME, ID, CARD, MOBILE)
    assert result.notes == (
        "name:spaces",
        "idCard:full_width",
        "idCard:separators",
        "accountNo:quote_mark",
        "mobile:separators",
        "mobile:country_prefix",
    )


def test_a_numeric_cell_that_kept_all_its_digits_is_sent_as_them():
    result = look({Field.ACCOUNT_NO: NumberCell(literal="621700000000000"), Field.MOBILE: NumberCell(literal="1.3800138E10")})

    assert isinstance(result, Query)
    assert (result.account_no, result.mobile) == ("621700000000000", MOBILE)
    assert result.notes == ()


def test_an_idle_fraction_is_taken_off_a_text_and_noted():
    result = look({Field.MOBILE: " 13800138000.0"})

    assert isinstance(result, Query)
    assert (result.mobile, result.notes) == (MOBILE, ("mobile:separators", "mobile:decimal_point"))


@pytest.mark.parametrize("level", CheckLevel)
def test_a_long_text_with_an_idle_fraction_has_lost_its_tail(level):
    assert look({Field.ACCOUNT_NO: f"{CARD}.0"}, level=level) == Blocked(code="precision_lost", at=Field.ACCOUNT_NO)


@pytest.mark.parametrize("level", CheckLevel)
def test_lost_digits_are_found_under_quote_marks_too(level):
    assert look({Field.ACCOUNT_NO: '="6.21412E+17"'}, level=level) == Blocked(code="scientific_text", at=Field.ACCOUNT_NO)


def test_a_numeric_cell_as_a_name_is_no_name():
    assert look({Field.NAME: NumberCell(literal="42")}) == Blocked(code="name_characters", at=Field.NAME)


def test_15_digits_are_converted_only_when_that_is_allowed():
    result = look({Field.ID_CARD: "110101900307001"}, upgrade_15=True)

    assert isinstance(result, Query)
    assert (result.id_card, result.notes) == (ID, ("idCard:upgraded_15",))
    assert look({Field.ID_CARD: "110101901307001"}, upgrade_15=True) == Blocked(code="id_birthdate", at=Field.ID_CARD)
    assert look({Field.ID_CARD: "110101900307999"}, upgrade_15=True) == Blocked(code="id_15_digits", at=Field.ID_CARD)


@guards("minors")
def test_minors_are_asked_about_only_when_that_is_allowed():
    field, minor = EARNS["minor"]

    assert look({field: minor}, level=CheckLevel.WARN) == Blocked(code="minor", at=Field.ID_CARD)
    result = look({field: minor}, allow_minors=True)
    assert isinstance(result, Query)
    assert result.warnings == ()


@pytest.mark.parametrize("level", CheckLevel)
@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        (Field.NAME, "张" + chr(0xD842), "name_unreadable"),
        (Field.NAME, "张" * 257, "name_characters"),
        (Field.ID_CARD, ID + chr(0xDC00), "id_characters"),
        (Field.ACCOUNT_NO, "6" * 257, "card_length"),
        (Field.MOBILE, "1" * 30_000, "mobile_format"),
    ],
)
def test_what_a_url_cannot_carry_is_blocked_at_every_level(field, text, code, level):
    assert look({field: text}, level=level) == Blocked(code=code, at=field)


def test_the_first_field_that_blocks_is_named():
    assert look({Field.ID_CARD: "1", Field.ACCOUNT_NO: "1"}) == Blocked(code="id_length", at=Field.ID_CARD)


def test_under_warn_a_row_carries_all_its_warnings():
    result = look({Field.NAME: "张三2", Field.ID_CARD: ID[:-1] + "2", Field.ACCOUNT_NO: CARD[:-1] + "3"}, level=CheckLevel.WARN)

    assert isinstance(result, Query)
    assert result.warnings == ("name:name_characters", "idCard:id_checksum", "accountNo:luhn")


def test_no_warning_is_a_code_that_blocks():
    warnings = {word for word, weight in WEIGHTS.items() if weight is Weight.WARNING}

    assert not warnings & set(BLOCK_CODES)


@settings(max_examples=200)
@given(
    digits=st.text("0123456789", min_size=15, max_size=18).filter(lambda text: text[0] != "0"),
    field=st.sampled_from([Field.ID_CARD, Field.ACCOUNT_NO]),
    level=st.sampled_from(CheckLevel),
    spell=st.sampled_from([repr, "{:.17G}".format, "{:.16G}".format, "{:.15G}".format, lambda number: str(int(number))]),
)
def test_a_number_that_excel_damaged_is_never_sent(digits, field, level, spell):
    """As a card with its right Luhn digit, or an ID number, typed into a numeric cell: 15 significant digits are kept."""
    typed = digits + luhn.calc_check_digit(digits)
    kept = int(typed[:15].ljust(len(typed), "0"))

    result = look({field: NumberCell(literal=spell(float(kept)))}, level=level)

    if len(typed) > 16 or level in {CheckLevel.STRICT, CheckLevel.BLOCK}:
        assert isinstance(result, Blocked)
        assert result.code in {"precision_lost", "precision_suspect"}


@settings(max_examples=200)
@given(
    number=st.integers(10**11, 10**14 - 1),
    spell=st.sampled_from([repr, str, "{:.17G}".format, "{:.15G}".format, lambda number: f"{number}.0"]),
)
def test_a_whole_number_is_never_blocked_for_its_cell(number, spell):
    """Cards of 13 to 15 digits, with their right Luhn digit, in a numeric cell."""
    card = int(f"{number}{luhn.calc_check_digit(str(number))}")

    result = look({Field.ACCOUNT_NO: NumberCell(literal=spell(card))})

    assert isinstance(result, Query)
    assert result.account_no == str(card)


@settings(max_examples=100)
@given(
    cells=st.dictionaries(
        st.sampled_from(Field),
        st.one_of(
            st.text(max_size=20),
            st.text("0123456789Xx .E+-=\"'", max_size=20),
            st.builds(NumberCell, literal=st.one_of(st.floats().map(repr), st.text("0123456789.eE+-", max_size=24))),
            st.builds(OddCell, kind=st.sampled_from(["date", "boolean", "error", "formula"]), text=st.text(max_size=5)),
        ),
    ),
    product=st.sampled_from(Product),
    level=st.sampled_from(CheckLevel),
)
def test_any_row_is_a_query_with_all_its_fields_or_blocked_with_a_known_code(cells, product, level):
    result = prepare(cells, product=product, policy=CheckPolicy(level=level, upgrade_15=True), today=TODAY)

    match result:
        case Blocked(code=code, at=at):
            assert code in BLOCK_CODES
            assert at in FIELDS[product]
        case Query():
            sent = (result.name, result.id_card, result.account_no, result.mobile)
            assert all(sent[: len(FIELDS[product])])
            assert not any(sent[len(FIELDS[product]) :])
            "".join(sent).encode()


@pytest.mark.parametrize(
    ("cells", "product"),
    [
        ({Field.MOBILE: MOBILE, Field.ACCOUNT_NO: CARD}, Product.BANK4),
        ({Field.ACCOUNT_NO: CARD}, Product.BANK3),
        ({Field.ACCOUNT_NO: CARD, Field.MOBILE: "\u3000"}, Product.BANK3),
        ({Field.ACCOUNT_NO: NumberCell(literal="1E+18")}, Product.BANK3),
        ({Field.MOBILE: OddCell(kind="formula")}, Product.BANK4),
        ({Field.NAME: NAME, Field.ID_CARD: ID, Field.ACCOUNT_NO: "", Field.MOBILE: "\u200b"}, Product.ID2),
        ({}, Product.ID2),
    ],
)
def test_a_row_is_asked_for_what_it_has(cells, product):
    assert auto_product(cells) is product
