"""What a header says: which field a column may hold, by its words alone.

The one thing to know: words are half of the truth. `cardID` is an ID number and `cardno` may be either, so what this module
gives are candidates with scores, and `columns` lets the content decide.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from batchverify.model import CellValue, Field, Record

#: Title and instruction rows stand above a header; nobody puts more of them.
SEARCHED_ROWS = 20

_FIELD_KEYS = {"name": Field.NAME, "id_number": Field.ID_CARD, "bank_card": Field.ACCOUNT_NO, "mobile": Field.MOBILE}
_KNOWN_SCORE = 10.0
_ENDING_SCORE = 5.0

_NOTE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|<[^<>]*>|\{[^{}]*\}")
_NOISE = re.compile(r"[\s*:_\-.\"'、,;!?#★※]+|^\d+(?=\D)|必填项?$|选填项?$")
_LANGUAGES = re.compile(r"[a-z][a-z ]*|[^a-z]+")
# Ends of longer headers: 乙方身份证号码, 员工本人银行卡号.
_ENDINGS = {
    Field.NAME: re.compile("姓名$"),
    Field.ID_CARD: re.compile("(?:身份证|公民身份|身份证件)(?:号码?)?$"),
    Field.ACCOUNT_NO: re.compile("(?:银行卡|银行账|银行帐|储蓄卡|工资卡)号码?$"),
    Field.MOBILE: re.compile("手机号?码?$"),
}
# Another person, another thing of that person, or two things at once.
_OTHERS = re.compile(
    "紧急|联系人|配偶|父亲|母亲|监护|负责人|经办|审核|复核|推荐|介绍|主管|领导|法人|担保|拼音|英文|曾用|脱敏|识别|对公|企业|公司|原|旧|备用|[/|]"
)
# Which of two columns for one field is meant: SPREADSHEETS, "联系电话 beside 预留手机号 → 预留, 户名 beside 姓名 → 姓名".
_PREFERENCES = {
    Field.NAME: ((re.compile("姓名|^name$|realname|fullname|名字"), 2.0),),
    Field.ID_CARD: ((re.compile("身份证|公民身份|idcard|^idno$|idnumber|sfz"), 2.0),),
    Field.ACCOUNT_NO: ((re.compile("卡|card|kh$"), 2.0), (re.compile("对方"), -1.0)),
    Field.MOBILE: ((re.compile("预留|reserved"), 4.0), (re.compile("手机|mobile|cell|sjh|实名"), 2.0)),
}


class HeaderRow(NamedTuple):
    """The row whose cells name the columns, and how sure that is; 0 when no word of it is known."""

    number: int
    header: tuple[str, ...]
    score: float


def normalise_header(text: str) -> str:
    r"""Strip what does not tell one header from another: width, case, notes in brackets, stars, white space, punctuation.

    >>> normalise_header("*姓 名\n（必填）"), normalise_header("ID_Card No."), normalise_header("（必填）")
    ('姓名', 'idcardno', '必填')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = _NOISE.sub("", _NOTE.sub("", folded))
    return bare or re.sub(r"\W+", "", folded)


def scores_of(header: str) -> Mapping[Field, float]:
    """Give the fields that a header may stand for, each with a score.

    >>> scores_of("预留手机号（必填）")
    {<Field.MOBILE: 'mobile'>: 16.0}
    >>> scores_of("cardno") == {Field.ID_CARD: 10.0, Field.ACCOUNT_NO: 12.0}, scores_of("紧急联系人姓名")
    (True, {})
    """
    known, never = _synonyms()
    word = normalise_header(header)
    if word in never:
        return {}
    fields = known.get(word) or _fields_in_parts(header)
    if fields:
        return {field: _KNOWN_SCORE + _preference(field, word) for field in fields}
    if _OTHERS.search(word):
        return {}
    return {field: _ENDING_SCORE for field, ending in _ENDINGS.items() if ending.search(word)}


def header_score(cells: Sequence[CellValue]) -> float:
    """Tell how much a row reads like a header: the sum, over the fields, of the best score.

    >>> header_score(("姓名", "身份证号", "备注")) > header_score(("姓名", "张三", "")) > header_score(("2026年名单",)) == 0
    True
    """
    best: dict[Field, float] = {}
    for cell in cells:
        if isinstance(cell, str) and cell:
            for field, score in scores_of(cell).items():
                best[field] = max(score, best.get(field, 0.0))
    return sum(best.values())


def find_header(rows: Sequence[Record]) -> HeaderRow | None:
    """Choose the header among the first rows, or the first row with content where no word is known; None when all are blank."""
    filled = [row for row in rows if any(cell != "" for cell in row.cells)]
    if not filled:
        return None
    best = HeaderRow(filled[0].number, _texts(filled[0]), 0.0)
    above: Record | None = None
    for row in filled:
        texts = _texts(row)
        choices = [texts]
        if above is not None and sum(cell != "" for cell in above.cells) > 1:
            choices.append(_under(texts, _texts(above)))
        for choice in choices:
            score = header_score(choice)
            if score > best.score:
                best = HeaderRow(row.number, choice, score)
        above = row
    return best


def _under(texts: tuple[str, ...], above: tuple[str, ...]) -> tuple[str, ...]:
    """Read a header of two levels: where cells are merged downwards, the word stands in the upper row."""
    width = max(len(texts), len(above))
    lower, upper = texts + ("",) * (width - len(texts)), above + ("",) * (width - len(above))
    return tuple(one or other for one, other in zip(lower, upper, strict=True))


def _texts(row: Record) -> tuple[str, ...]:
    return tuple(cell if isinstance(cell, str) else "" for cell in row.cells)


def _fields_in_parts(header: str) -> frozenset[Field]:
    """Read a header in two languages: 姓名/Name, 身份证号 ID No. Its parts must speak of the same field."""
    known, _ = _synonyms()
    folded = unicodedata.normalize("NFKC", header).casefold()
    parts = {normalise_header(part) for line in re.split(r"[/|\n]", folded) for part in _LANGUAGES.findall(line)} - {""}
    meanings = [known.get(part, frozenset()) for part in parts]
    return frozenset.intersection(*meanings) if meanings else frozenset()


def _preference(field: Field, word: str) -> float:
    return sum(bonus for pattern, bonus in _PREFERENCES[field] if pattern.search(word)) if word else 0.0


@cache
def _synonyms() -> tuple[dict[str, frozenset[Field]], frozenset[str]]:
    """Load the table of header words: what each may mean, and the words that never name a field."""
    table = json.loads(files("batchverify.tables").joinpath("header_synonyms.json").read_text(encoding="utf-8"))
    known: dict[str, frozenset[Field]] = {}
    for key, field in _FIELD_KEYS.items():
        for spelled in (*table[key]["seen"], *table[key]["extended"]):
            word = normalise_header(spelled)
            known[word] = known.get(word, frozenset()) | {field}
    return known, frozenset(normalise_header(spelled) for spelled in table["never_map"])
