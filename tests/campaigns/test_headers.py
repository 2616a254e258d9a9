"""Every header word that was seen in the wild, in sheets with the neighbors such sheets have: never a wrong column in silence.

The one thing to know: what cannot be told must be asked. A choice that is refused names the right column among its
candidates; a choice that is made is the right one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import pytest

from batchverify.errors import InputError
from batchverify.model import Field
from batchverify.tables.columns import choose_columns
from batchverify.tables.reader import open_table
from tests.campaigns.people import card_number, id_number
from tests.campaigns.writers import WRITERS, CsvForm, write_csv

SYNONYMS = json.loads((files("batchverify.tables") / "header_synonyms.json").read_text("utf-8"))
KEYS = {"name": Field.NAME, "id_number": Field.ID_CARD, "bank_card": Field.ACCOUNT_NO, "mobile": Field.MOBILE}
ROWS = 12
SETS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderSet:
    """A header, the rows below it, and in which column each field really is."""

    header: list[str]
    rows: list[list[str]]
    truth: dict[Field, int]


def _person(field: Field, number: int) -> str:
    match field:
        case Field.NAME:
            return "王李张刘陈"[number % 5] + "伟芳娜敏静"[number // 5 % 5]
        case Field.ID_CARD:
            return id_number(number)
        case Field.ACCOUNT_NO:
            return card_number(number)
        case Field.MOBILE:
            return f"138{number:08}"


#: What stands beside the fields in real sheets, much of it looking like one of them.
NEIGHBORS = {
    "序号": lambda number: str(number + 1),
    "开户行行号": lambda number: f"1051000{number:05}",
    "联行号": lambda number: f"1021000{number:05}",
    "银行流水号": lambda number: f"2026112400{number:08}",
    "脱敏卡号": lambda number: f"621700******{number:04}",
    "公司名称": lambda _: "某某科技有限公司",
    "银行名称": lambda _: "中国建设银行",
    "姓名拼音": lambda _: "Wang Wei",
    "紧急联系人": lambda _: "赵强",
    "紧急联系人电话": lambda number: f"139{number:08}",
    "座机": lambda number: f"0755-8{number:07}",
    "学号": lambda number: f"2026{number:08}",
    "工号": lambda number: f"{number:06}",
    "统一社会信用代码": lambda number: f"91440300MA5{number:07}",
    "出生日期": lambda _: "1990-03-07",
    "金额": lambda number: f"{1000 + number}.00",
    "部门": lambda _: "财务部",
    "备注": lambda _: "",
}


def words_of(key: str) -> list[str]:
    return [*SYNONYMS[key]["seen"], *SYNONYMS[key]["extended"]]


def header_sets(*, sets: int, seed: int) -> Iterator[HeaderSet]:
    """Draw sets: every synonym comes in turn, each set in an order of its own, with some of the neighbors."""
    draw = random.Random(seed)
    decks = {key: draw.sample(words_of(key), k=len(words_of(key))) for key in KEYS}
    for number in range(sets):
        columns = [(decks[key][number % len(decks[key])], field) for key, field in KEYS.items()]
        beside = draw.sample(list(NEIGHBORS), k=draw.randint(2, 7))
        order = draw.sample([*columns, *((word, None) for word in beside)], k=len(columns) + len(beside))
        yield HeaderSet(
            header=[word for word, _ in order],
            rows=[[_person(field, row) if field else NEIGHBORS[word](row) for word, field in order] for row in range(ROWS)],
            truth={field: column for column, (_, field) in enumerate(order) if field},
        )


@pytest.mark.parametrize("seed", range(3))
def test_no_header_of_the_list_leads_to_a_wrong_column_in_silence(seed, tmp_path):
    """Six times as many sets as there must be; together they have each synonym at least once."""
    wrong, asked = [], []
    for number, one in enumerate(header_sets(sets=SETS * 2, seed=seed)):
        lines = [one.header, *one.rows]
        if number % 8:
            path = write_csv(tmp_path / "people.csv", lines, CsvForm(encoding="gb18030" if number % 2 else "utf-8"))
        else:
            path = tmp_path / "people.xlsx"
            WRITERS["xlsxwriter"].write(path, lines)
        with open_table(path, temporary=tmp_path) as table:
            try:
                chosen = dict(choose_columns(table, wanted=tuple(one.truth)).fields)
            except InputError as error:
                asked.append((one, str(error)))
            else:
                wrong += [one.header] if chosen != one.truth else []

    assert wrong == []
    assert len(asked) <= SETS * 2 // 10
    # It says what there is to choose from, and the right one is there.
    for one, message in asked:
        assert any(repr(one.header[column].strip()) in message for column in one.truth.values()), message
