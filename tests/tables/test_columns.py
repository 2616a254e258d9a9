import csv
import io

import pytest
import xlsxwriter

from batchverify.errors import InputError
from batchverify.model import Field, NumberCell, OddCell, Record
from batchverify.rules.id_number import check_character
from batchverify.tables.columns import ColumnMap, choose_columns, is_asked, is_other_certificate, values_of
from batchverify.tables.headers import find_header, header_score, normalise_header, scores_of
from batchverify.tables.reader import open_table
from tests.threats import guards

BOTH = (Field.NAME, Field.ID_CARD)
BANK3 = (*BOTH, Field.ACCOUNT_NO)
BANK4 = (*BANK3, Field.MOBILE)


def id_number(sequence):
    first = f"11010119900307{sequence:03}"
    return first + check_character(first)


NAMES = ["张三", "李四", "王小明", "测试甲"]
IDS = [id_number(number) for number in range(1, 5)]
CARDS = ["6217000000000000", "6217000000000018", "6217000000000026", "6217000000000034"]
MOBILES = ["13800138000", "13800138001", "13800138002", "13800138003"]
OTHER_MOBILES = [mobile.replace("138", "139", 1) for mobile in MOBILES]


@pytest.fixture
def table_of(tmp_path):
    """A csv table from columns: header to cells."""
    tables = []

    def table(columns, *, above=()):
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerows([*above, [header for header, _ in columns], *zip(*(cells for _, cells in columns), strict=True)])
        path = tmp_path / "people.csv"
        path.write_text(out.getvalue(), encoding="utf-8", newline="")
        tables.append(open_table(path, temporary=tmp_path))
        return tables[-1]

    yield table
    for one in tables:
        one.close()


def chosen(table, wanted=BANK3, **options):
    return {one: table.header[index] for one, index in choose_columns(table, wanted=wanted, **options).fields.items()}


@pytest.mark.parametrize(
    "headers",
    [
        ("姓名", "身份证号", "银行卡号", "手机号"),
        ("*姓名", "身份证号码（必填）", "银行卡\n卡号", "预留手机号码[选填]"),
        ("name", "id_card", "bank-card-no", "Mobile"),
        ("户名", "证件号码", "账号", "联系电话"),
        ("姓名/Name", "身份证号 ID Number", "银行卡号\nCard Number", "手机 Mobile"),
        ("1.姓名", "2.身份证", "3.卡号", "4.电话"),
        ("xm", "sfzh", "yhkh", "sjh"),
        ("甲方姓名", "乙方身份证号码", "本人银行卡号", "本次手机号"),
    ],
)
def test_headers_of_offices_are_known(headers, table_of):
    table = table_of(list(zip(headers, (NAMES, IDS, CARDS, MOBILES), strict=True)))

    assert list(choose_columns(table, wanted=BANK4).fields.items()) == list(choose_columns(table, wanted=BANK4).fields.items())
    assert choose_columns(table, wanted=BANK4).fields == dict(zip(BANK4, range(4), strict=True))


def test_card_id_is_an_id_number_and_cardno_what_its_cells_say(table_of):
    assert chosen(table_of([("name", NAMES), ("cardID", IDS), ("cardno", CARDS)])) == dict(
        zip(BANK3, ("name", "cardID", "cardno"), strict=True)
    )
    assert chosen(table_of([("name", NAMES), ("cardno", IDS), ("bankcard", CARDS)])) == dict(
        zip(BANK3, ("name", "cardno", "bankcard"), strict=True)
    )


def test_the_reserved_mobile_goes_before_a_telephone_and_a_name_before_an_account_name(table_of):
    table = table_of(
        [
            ("户名", NAMES[::-1]),
            ("姓名", NAMES),
            ("身份证号", IDS),
            ("联系电话", OTHER_MOBILES),
            ("预留手机号", MOBILES),
            ("卡号", CARDS),
        ]
    )

    assert chosen(table, BANK4) == dict(zip(BANK4, ("姓名", "身份证号", "卡号", "预留手机号"), strict=True))


def test_what_names_no_field_is_never_mapped(table_of):
    table = table_of(
        [
            ("姓名拼音", NAMES),
            ("紧急联系人电话", MOBILES),
            ("工号", CARDS),
            ("脱敏卡号", CARDS),
            ("配偶姓名", NAMES),
            ("姓名", NAMES),
            ("身份证号", IDS),
        ]
    )

    assert chosen(table, BOTH, optional=(Field.ACCOUNT_NO, Field.MOBILE)) == {Field.NAME: "姓名", Field.ID_CARD: "身份证号"}


def test_two_columns_that_differ_are_for_the_user_to_choose(table_of):
    columns = [("姓名", NAMES), ("身份证号", IDS), ("手机号", MOBILES), ("手机号码", OTHER_MOBILES)]

    with pytest.raises(InputError) as caught:
        choose_columns(table_of(columns), wanted=(*BOTH, Field.MOBILE))

    assert str(caught.value) == (
        "people.csv has more than one column that may be the mobile number: '手机号' (C) and '手机号码' (D), and they differ. "
        "Name one with --map mobile=C."
    )
    assert chosen(table_of(columns), (*BOTH, Field.MOBILE), mapping={Field.MOBILE: "手机号码"})[Field.MOBILE] == "手机号码"
    assert chosen(table_of(columns), BOTH) == {Field.NAME: "姓名", Field.ID_CARD: "身份证号"}


def test_two_columns_that_agree_are_one(table_of):
    table = table_of([("姓名", NAMES), ("客户姓名", NAMES), ("身份证号", IDS)])

    assert chosen(table, BOTH)[Field.NAME] == "姓名"


def test_a_missing_column_is_named_with_what_there_is(table_of):
    with pytest.raises(InputError) as caught:
        choose_columns(table_of([("姓名", NAMES), ("身份证号", IDS), ("部门", NAMES)]), wanted=BANK3)

    assert str(caught.value) == (
        "people.csv has no column for 'accountNo' (the bank card). It has: '姓名', '身份证号', '部门'. Name yours with --map accountNo=COLUMN."
    )


def test_a_column_that_belies_its_header_is_told(table_of):
    with pytest.raises(InputError) as caught:
        choose_columns(table_of([("姓名", NAMES), ("身份证号", CARDS)]), wanted=BOTH)

    assert str(caught.value) == (
        "people.csv has no column for 'idCard' (the ID number). It has: '姓名', '身份证号'. "
        "'身份证号' (B) is named so, but its cells look like something else. Name yours with --map idCard=COLUMN."
    )


def test_a_file_without_a_header_shows_none_of_its_people(table_of):
    with pytest.raises(InputError) as caught:
        choose_columns(table_of([("张三", NAMES), (IDS[0], IDS)]), wanted=BOTH)

    assert str(caught.value) == (
        "people.csv has no column for 'name' (the name). None of its first rows reads like a header; row 1 was taken, columns A to B. "
        "Look at --header-row. Name yours with --map name=COLUMN. If its words look garbled, utf-8 is not its encoding: name that with --encoding."
    )


@pytest.mark.parametrize("spelled", ["证号", " 证号 ", "B", "b", "2"])
def test_the_user_names_a_column_by_header_letters_or_number(spelled, table_of):
    table = table_of([("甲", NAMES), ("证号", IDS)])

    assert choose_columns(table, wanted=BOTH, mapping={Field.ID_CARD: spelled, Field.NAME: "A"}).fields == {
        Field.NAME: 0,
        Field.ID_CARD: 1,
    }


@pytest.mark.parametrize("spelled", ["C", "3", "0", "XFD", "谁", ""])
def test_a_named_column_that_is_not_there_is_told(spelled, table_of):
    with pytest.raises(InputError) as caught:
        choose_columns(table_of([("姓名", NAMES), ("身份证号", IDS)]), wanted=BOTH, mapping={Field.ID_CARD: spelled})

    assert str(caught.value) == f"people.csv has no column {spelled!r} for 'idCard'. It has: '姓名', '身份证号'."


def test_a_header_that_stands_twice_is_named_by_letters(table_of):
    table = table_of([("姓名", NAMES), ("号", IDS), ("号", CARDS)])

    with pytest.raises(
        InputError, match=r"^people\.csv has several columns '号': B, C\. Name one by its letters: --map idCard=B\.$"
    ):
        choose_columns(table, wanted=BOTH, mapping={Field.ID_CARD: "号"})


@guards("forbidden-columns")
@pytest.mark.parametrize(
    "header", ["CVN", "CVV2", "有效期", "卡有效期（月/年）", "密码", "支付密码", "Password", "exp_date", "PIN"]
)
def test_what_may_not_be_stored_refuses_the_file(header, table_of):
    with pytest.raises(InputError) as caught:
        choose_columns(table_of([("姓名", NAMES), ("身份证号", IDS), (header, ["1"] * 4)]), wanted=BOTH)

    assert str(caught.value) == (
        f"people.csv has a column {header!r} (C): card security codes, expiry dates and passwords may not be stored or passed on. "
        "Delete that column and run this again."
    )


def test_the_validity_of_a_certificate_or_contract_is_no_secret(table_of):
    assert choose_columns(
        table_of([("姓名", NAMES), ("身份证号", IDS), ("身份证有效期", NAMES), ("合同有效期", NAMES)]), wanted=BOTH
    ).fields


def test_our_own_columns_are_neither_asked_nor_refused(table_of):
    table = table_of([("姓名", NAMES), ("身份证号", IDS), ("bv_status", NAMES), ("bv_card_name", NAMES)])

    columns = choose_columns(table, wanted=BOTH)

    assert columns.ours == {"bv_status": 2, "bv_card_name": 3}
    assert set(columns.fields.values()) == {0, 1}


def test_the_kind_of_certificate_has_its_column(table_of):
    columns = choose_columns(table_of([("姓名", NAMES), ("证件类型", ["身份证"] * 4), ("证件号码", IDS)]), wanted=BOTH)

    assert (columns.certificate_type, columns.fields[Field.ID_CARD]) == (1, 2)


@pytest.mark.parametrize(
    "cell", ["身份证", "居民身份证", " 身份证 ", "01-居民身份证", "中华人民共和国居民身份证", "第二代身份证", ""]
)
def test_a_residents_card_is_no_other_certificate(cell):
    assert not is_other_certificate(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "护照",
        "港澳居民来往内地通行证",
        "临时身份证",
        "01",
        "外国人永久居留身份证",
        NumberCell(literal="1"),
        OddCell(kind="error"),
    ],
)
def test_anything_else_is_another_certificate(cell):
    assert is_other_certificate(cell)


MAP = ColumnMap(fields={Field.NAME: 0, Field.ID_CARD: 1, Field.ACCOUNT_NO: 5}, ours={"bv_status": 3})


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        (("张三", "110101199003070011"), True),
        (("张三", ""), True),
        (("张三", NumberCell(literal="110101199003070000")), True),
        (("合计", "110101199003070011"), True),
        (("", NumberCell(literal="1")), True),
        ((), False),
        (("", " ", "\u3000"), False),
        (("", "", "", "blocked"), False),
        (("合 计：", "", NumberCell(literal="3")), False),
        (("", "", "小计"), False),
        (("Total", ""), False),
    ],
)
def test_blank_rows_and_sums_are_not_asked(cells, asked):
    assert is_asked(Record(number=2, cells=cells), MAP) is asked


def test_values_beyond_the_end_of_a_row_are_blank():
    assert values_of(Record(number=2, cells=("张三", "x")), MAP) == {Field.NAME: "张三", Field.ID_CARD: "x", Field.ACCOUNT_NO: ""}


def test_rounded_numbers_speak_against_no_column(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "rounded.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("姓名", "身份证号", "卡号"))
        for number in range(4):
            sheet.write_row(number + 1, 0, (NAMES[number], int(IDS[number][:17] + "0"), int(CARDS[number])))
    with open_table(tmp_path / "rounded.xlsx", temporary=tmp_path) as table:
        assert choose_columns(table, wanted=BANK3).fields == dict(zip(BANK3, range(3), strict=True))


def test_mistyped_numbers_are_still_a_column_of_ids(table_of):
    wrong = [number[:17] + ("0" if number[17] != "0" else "1") for number in IDS]

    assert chosen(table_of([("姓名", NAMES), ("身份证号", wrong)]), BOTH)[Field.ID_CARD] == "身份证号"


def test_odd_cells_vote_for_nothing(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "odd.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("姓名", "身份证号"))
        sheet.write_row(1, 0, (True, IDS[0]))
    with open_table(tmp_path / "odd.xlsx", temporary=tmp_path) as table:
        assert choose_columns(table, wanted=BOTH).fields == {Field.NAME: 0, Field.ID_CARD: 1}


def records(*rows):
    return [Record(number=number, cells=row) for number, row in enumerate(rows, 1)]


def test_the_header_is_the_row_whose_words_are_known():
    rows = records(("2026年员工名单", ""), ("请勿修改表头。姓名、身份证号必填", ""), ("姓名", "身份证号"), ("张三", IDS[0]))

    assert find_header(rows)[:2] == (3, ("姓名", "身份证号"))


def test_a_header_of_two_levels_takes_the_upper_word_where_cells_are_merged():
    rows = records(
        ("姓名", "证件", "", "联系方式"), ("", "证件类型", "身份证号", "手机号"), ("张三", "身份证", IDS[0], MOBILES[0])
    )

    assert find_header(rows)[:2] == (2, ("姓名", "证件类型", "身份证号", "手机号"))


def test_without_a_known_word_the_first_row_with_content_is_taken():
    assert find_header(records(("", ""), ("甲", NumberCell(literal="1"))))[:] == (2, ("甲", ""), 0.0)
    assert find_header(records(("", ""))) is None
    assert header_score(()) == 0


def test_headers_in_two_languages_must_mean_the_same():
    assert list(scores_of("手机号/银行卡号")) == []
    assert list(scores_of("姓名 Name")) == [Field.NAME]
    assert normalise_header("＊ 身份证（18位）：") == "身份证"
