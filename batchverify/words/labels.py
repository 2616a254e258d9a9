"""Labels: our columns, the values that stand in them, the fields, notes and warnings.

The one thing to know: a result file may come back in either language, so a column is recognised by its key and by its
label alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchverify.model import Field, RowSource, RowStatus
from batchverify.words.sayings import Lang

#: Our columns, to the right of the user's, in this order: the key (header in English) and the label (header in Chinese).
RESULT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("bv_status", "核验结果"),
    ("bv_code", "核验代码"),
    ("bv_message", "核验说明"),
    ("bv_action", "建议操作"),
    ("bv_source", "结果来源"),
    ("bv_billed", "计费次数"),
    ("bv_bank", "发卡行"),
    ("bv_card_name", "卡名称"),
    ("bv_card_type", "卡类型"),
    ("bv_sex", "性别"),
    ("bv_area", "地址"),
    ("bv_province", "省"),
    ("bv_city", "市"),
    ("bv_prefecture", "区县"),
    ("bv_birthday", "出生日期"),
    ("bv_addr_code", "地区代码"),
    ("bv_last_code", "校验码"),
    ("bv_sent_as", "发送差异"),
    ("bv_duplicate_of", "重复自行"),
    ("bv_asked_at", "核验时间"),
    ("bv_retry_at", "可重试时间"),
    ("bv_request_id", "请求编号"),
    ("bv_row", "行标识"),
)

_STATUSES: Mapping[RowStatus, str] = {
    RowStatus.MATCHED: "一致",
    RowStatus.MISMATCHED: "不一致",
    RowStatus.CARD_PROBLEM: "卡状态异常",
    RowStatus.UNVERIFIABLE: "无法验证",
    RowStatus.LOCKED: "频次受限",
    RowStatus.INVALID: "输入有误",
    RowStatus.BLOCKED: "本地拦截",
    RowStatus.FAILED: "技术失败·未计费",
    RowStatus.IN_DOUBT: "结果未知·可能已计费",
    RowStatus.NOT_RUN: "未处理",
}
_SOURCES: Mapping[RowSource, str] = {
    RowSource.ASKED: "实时",
    RowSource.REUSED: "历史复用",
    RowSource.DUPLICATE: "重复行",
    RowSource.LOCAL: "本地",
}
_FIELDS: Mapping[str, tuple[str, str]] = {
    Field.NAME: ("name", "姓名"),
    Field.ID_CARD: ("ID number", "身份证号"),
    Field.ACCOUNT_NO: ("card number", "银行卡号"),
    Field.MOBILE: ("mobile number", "手机号"),
}
_NOTES: Mapping[str, tuple[str, str]] = {
    "full_width": ("full-width characters made half-width", "全角转半角"),
    "separators": ("spaces or dashes removed", "已去除空格或横线"),
    "invisible": ("invisible characters removed", "已去除不可见字符"),
    "quote_mark": ("quote marks removed", "已去除引号"),
    "lowercase_x": ("lowercase x made X", "小写 x 转大写"),
    "x_lookalike": ("look-alike of X made X", "形似字符转为 X"),
    "country_prefix": ("country prefix removed", "已去除国家区号"),
    "decimal_point": ("idle decimals removed", "已去除小数点"),
    "upgraded_15": ("15 digits converted to 18", "15 位转 18 位"),
    "spaces": ("spaces removed", "已去除空格"),
    "middle_dot": ("middle dot unified", "间隔号已统一为“·”"),
    "compatibility": ("look-alike characters replaced by the usual ones", "兼容汉字已转为标准汉字"),
}
_WARNINGS: Mapping[str, tuple[str, str]] = {
    "luhn": ("the last digit does not agree with the others", "校验位不符"),
    "region": ("the region code is not in the lists", "地区代码未收录"),
    "permit": ("residence permit of Hong Kong, Macau or Taiwan", "港澳台居民居住证"),
    "permanent_residence": ("foreigner's permanent residence card", "外国人永久居留身份证"),
    "rare_character": ("rare character: check a mismatch by hand", "含生僻字，不一致时请人工核对"),
    "not_han": ("not written in Chinese characters only", "非纯汉字姓名"),
    # Findings that block by default; here they were sent all the same, by --checks warn.
    "precision_suspect": ("16 digits in a numeric cell, the last perhaps lost", "数字格式 16 位，末位可能已丢失"),
    "id_length": ("wrong length", "位数不符"),
    "id_characters": ("wrong characters", "含有非法字符"),
    "id_checksum": ("the check character does not agree", "校验码不符"),
    "id_birthdate": ("impossible date of birth", "出生日期不存在"),
    "id_future": ("date of birth in the future", "出生日期晚于今天"),
    "id_15_digits": ("old form with 15 digits", "15 位旧号码"),
    "card_length": ("wrong length", "位数不符"),
    "card_characters": ("wrong characters", "含有非法字符"),
    "mobile_format": ("not a mainland mobile number", "不是大陆手机号"),
    "name_characters": ("characters that no name has", "含有不应出现的字符"),
}


def label_of_column(key: str, lang: Lang) -> str:
    """Give the header of one of our columns; an unknown key raises KeyError, which is a bug.

    >>> label_of_column("bv_status", Lang.EN), label_of_column("bv_status", Lang.ZH)
    ('bv_status', '核验结果')
    """
    label = dict(RESULT_COLUMNS)[key]
    return key if lang is Lang.EN else label


def label_of_status(status: RowStatus, lang: Lang) -> str:
    """Give the word for a row's status.

    >>> label_of_status(RowStatus.MATCHED, Lang.EN), label_of_status(RowStatus.MATCHED, Lang.ZH)
    ('matched', '一致')
    """
    return status.value if lang is Lang.EN else _STATUSES[status]


def label_of_source(source: RowSource, lang: Lang) -> str:
    """Give the word for where an outcome comes from.

    >>> label_of_source(RowSource.REUSED, Lang.ZH)
    '历史复用'
    """
    return source.value if lang is Lang.EN else _SOURCES[source]


def label_of_field(field: Field, lang: Lang) -> str:
    """Give the word for a field of a query.

    >>> label_of_field(Field.ACCOUNT_NO, Lang.EN), label_of_field(Field.ACCOUNT_NO, Lang.ZH)
    ('card number', '银行卡号')
    """
    return _in(_FIELDS[field], lang)


def label_of_note(note: str, lang: Lang) -> str:
    """Say in words how the sent text differs from the cell; `note` is one of `Query.notes`.

    >>> label_of_note("idCard:lowercase_x", Lang.EN), label_of_note("name:spaces", Lang.ZH)
    ('ID number: lowercase x made X', '姓名：已去除空格')
    """
    return _about_field(note, _NOTES, lang)


def label_of_warning(warning: str, lang: Lang) -> str:
    """Say in words what looked odd and was sent all the same; `warning` is one of `Query.warnings`.

    >>> label_of_warning("accountNo:luhn", Lang.EN), label_of_warning("idCard:region", Lang.ZH)
    ('card number: the last digit does not agree with the others', '身份证号：地区代码未收录')
    """
    return _about_field(warning, _WARNINGS, lang)


def recognise_result_column(header: str) -> str | None:
    """Give the key of one of our columns from a header in either language, whatever its case and spaces, or None.

    >>> recognise_result_column(" BV_Status "), recognise_result_column("核验 结果"), recognise_result_column("姓名")
    ('bv_status', 'bv_status', None)
    """
    return _KEY_OF_HEADER.get("".join(header.split()).lower())


def result_columns(headers: Sequence[str]) -> dict[str, int]:
    """Find our columns in a sheet that was a result of ours: key to place; {} in any other sheet.

    The keys are ours wherever they stand. The labels are everyday words (a sheet of people may well have its own 性别 or
    出生日期), so they count only from 核验结果 on, and only where 行标识 follows it: user's columns stay the user's.

    >>> result_columns(["姓名", "性别", "核验结果", "性别", "行标识"])
    {'bv_status': 2, 'bv_sex': 3, 'bv_row': 4}
    >>> result_columns(["姓名", "性别", "核验结果"]), result_columns(["name", "bv_code"])
    ({}, {'bv_code': 1})
    """
    keys = [recognise_result_column(header) for header in headers]
    is_key = [_is_key(header) for header in headers]
    labels = [(place, key) for place, key in enumerate(keys) if key and not is_key[place]]
    first = next((place for place, key in labels if key == _FIRST), None)
    last = next((place for place, key in labels if key == _LAST and first is not None and place > first), None)
    ours: dict[str, int] = {}
    for place, key in enumerate(keys):
        in_block = first is not None and last is not None and first <= place <= last
        if key and (is_key[place] or in_block):
            ours.setdefault(key, place)
    return ours


def recognise_status(text: str) -> RowStatus | None:
    """Give the row status from its word in either language, or None.

    >>> recognise_status("Matched"), recognise_status("技术失败·未计费"), recognise_status("")
    (<RowStatus.MATCHED: 'matched'>, <RowStatus.FAILED: 'failed'>, None)
    """
    return _STATUS_OF_LABEL.get(text.strip().lower())


_FIRST, _LAST = RESULT_COLUMNS[0][0], RESULT_COLUMNS[-1][0]
_KEY_OF_HEADER = {word: key for key, label in RESULT_COLUMNS for word in (key, label)}
_STATUS_OF_LABEL = {word: status for status, label in _STATUSES.items() for word in (status.value, label)}


def _is_key(header: str) -> bool:
    return "".join(header.split()).lower().startswith("bv_")


def _about_field(word: str, table: Mapping[str, tuple[str, str]], lang: Lang) -> str:
    field, _, what = word.partition(":")
    return f"{_in(_FIELDS[field], lang)}{': ' if lang is Lang.EN else '：'}{_in(table[what], lang)}"


def _in(pair: tuple[str, str], lang: Lang) -> str:
    english, chinese = pair
    return english if lang is Lang.EN else chinese
