"""The Legend sheet: what each of our columns, statuses and sources means, in words for the desk that reads the result.

The one thing to know: a sentence here promises something about money or meaning, so it changes only with the rule behind it.
"""

from __future__ import annotations

from batchverify.model import RowSource, RowStatus, Sheet
from batchverify.words import RESULT_COLUMNS, Lang, label_of_source, label_of_status

_WIDTHS = (24, 20, 92)

_COLUMNS: dict[str, tuple[str, str]] = {
    "bv_status": ("The result of this row; each one is explained below.", "本行的核验结果，各结果的含义见下。"),
    "bv_code": (
        "The vendor's status code, or a word of ours where nothing was sent.",
        "服务商返回的状态码；未发送的行为本程序的代码。",
    ),
    "bv_message": ("What the code means.", "代码的含义。"),
    "bv_action": ("What to do about it.", "建议的下一步操作。"),
    "bv_source": (
        "Where the result comes from. It ends in -simulated when the sandbox answered: such a result says nothing about a real person.",
        "结果从哪里来。以 -simulated 结尾表示由沙箱模拟，不代表任何真实核验。",
    ),
    "bv_billed": (
        "How many asks this row cost: 0, 1, or ? where only the vendor's bill can tell.",
        "本行消耗的次数：0、1；? 表示需以服务商账单为准。",
    ),
    "bv_bank": ("The bank that issued the card.", "银行卡的发卡行。"),
    "bv_card_name": ("What the bank calls the card.", "银行卡产品名称。"),
    "bv_card_type": ("Debit or credit.", "借记卡或贷记卡等。"),
    "bv_sex": ("From the ID number.", "由身份证号得出。"),
    "bv_area": ("Where the ID number was first issued, in full.", "身份证号首次签发地，全称。"),
    "bv_province": ("Province of that place.", "签发地所在省。"),
    "bv_city": ("City of that place.", "签发地所在市。"),
    "bv_prefecture": ("County or district of that place.", "签发地所在区县。"),
    "bv_birthday": ("From the ID number.", "由身份证号得出。"),
    "bv_addr_code": ("The first six digits of the ID number.", "身份证号前六位。"),
    "bv_last_code": ("The last character of the ID number.", "身份证号最后一位。"),
    "bv_sent_as": (
        "How what was sent differs from the cell, for example spaces taken out. Your own cell is unchanged.",
        "实际发送内容与原单元格的差异（如去除空格）。原单元格未改动。",
    ),
    "bv_duplicate_of": (
        "The row that asks the same. It was asked there, so this row cost nothing.",
        "与哪一行内容相同。该内容只在那一行调用一次，本行不另计费。",
    ),
    "bv_asked_at": ("When the vendor was asked, Beijing time.", "向服务商调用的时间（北京时间）。"),
    "bv_retry_at": (
        "From when on asking again makes sense. Asking earlier only prolongs the lock.",
        "此时间之后才可重试；提前重试会延长限制。",
    ),
    "bv_request_id": (
        "The gateway's number of the ask. The vendor's support wants to know it.",
        "网关请求编号，向服务商客服查询时提供。",
    ),
    "bv_row": (
        "A mark by which this row is found again when the file is dropped in once more. Leave it.",
        "行标识，用于再次导入时识别本行，请勿修改。",
    ),
}
_STATUSES: dict[RowStatus, tuple[str, str]] = {
    RowStatus.MATCHED: ("All fields belong to one person.", "所有信息属于同一人。"),
    RowStatus.MISMATCHED: ("The vendor answered: the fields do not belong together.", "服务商已答复：信息不一致。"),
    RowStatus.CARD_PROBLEM: (
        "The card is lost, expired, frozen or not usable; that says nothing about the person.",
        "银行卡挂失、过期、冻结或不可用，与人员信息是否一致无关。",
    ),
    RowStatus.UNVERIFIABLE: ("The vendor has nothing to compare with. This is not a mismatch.", "服务商无法比对，不等于不一致。"),
    RowStatus.LOCKED: (
        "This ID number or card was asked too often. It is left alone until the time given.",
        "该身份证号或银行卡调用过于频繁，到可重试时间前不再调用。",
    ),
    RowStatus.INVALID: ("The vendor says that a field is written wrongly.", "服务商认为某项输入格式有误。"),
    RowStatus.BLOCKED: (
        "Not sent, no cost: a check on this machine found what is wrong. See sheet To fix.",
        "未发送、未计费：本地检查发现问题，见“待修正”表。",
    ),
    RowStatus.FAILED: ("No answer, surely not billed. It can be run again.", "未得到答复，确定未计费，可重跑。"),
    RowStatus.IN_DOUBT: (
        "The ask left and no whole answer came, so it may have been billed. It is not sent again by itself.",
        "请求已发出但未得到完整答复，可能已计费，不会自动重发。",
    ),
    RowStatus.NOT_RUN: (
        "Not asked, no cost: a cap, the quota or a stop came first. See sheet To retry.",
        "尚未调用、未计费：因上限、额度或中止。见“待重试”表。",
    ),
}
_SOURCES: dict[RowSource, tuple[str, str]] = {
    RowSource.ASKED: ("Asked in this job.", "本次任务中调用。"),
    RowSource.REUSED: ("An answer of an earlier job, still fresh enough. No cost.", "复用此前任务仍在有效期内的答复，不计费。"),
    RowSource.DUPLICATE: ("The answer of another row with the same content. No cost.", "采用相同内容的另一行的答复，不计费。"),
    RowSource.LOCAL: ("Decided on this machine; nothing was sent.", "由本地判断，未发送。"),
}
_HEADINGS = {
    Lang.EN: ("Legend", ("Column", "中文", "Meaning"), ("Status", "中文", "Meaning"), ("Source", "中文", "Meaning")),
    Lang.ZH: ("说明", ("列名", "英文名", "含义"), ("核验结果", "英文名", "含义"), ("结果来源", "英文名", "含义")),
}


def legend_sheet(lang: Lang) -> Sheet:
    """Give the sheet. Each word stands beside its other language, so that both desks can talk about one file."""
    title, columns, statuses, sources = _HEADINGS[lang]
    other = Lang.EN if lang is Lang.ZH else Lang.ZH
    column_names = [dict(zip(Lang, pair, strict=True)) for pair in RESULT_COLUMNS]
    rows: list[tuple[str, ...]] = [(title,), columns]
    headings = [1]
    rows += [(names[lang], names[other], _said(_COLUMNS[names[Lang.EN]], lang)) for names in column_names]
    headings.append(len(rows) + 1)
    rows += [(), statuses]
    rows += [
        (label_of_status(status, lang), label_of_status(status, other), _said(_STATUSES[status], lang)) for status in RowStatus
    ]
    headings.append(len(rows) + 1)
    rows += [(), sources]
    rows += [
        (label_of_source(source, lang), label_of_source(source, other), _said(_SOURCES[source], lang)) for source in RowSource
    ]
    return Sheet(title=title, rows=tuple(rows), widths=_WIDTHS, heading_rows=tuple(headings))


def _said(sentences: tuple[str, str], lang: Lang) -> str:
    return sentences[0] if lang is Lang.EN else sentences[1]
