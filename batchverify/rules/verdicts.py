"""What the vendor's statuses mean for a row.

The one thing to know: a status is judged by the table of its product. One that the table does not list is no verdict at
all: the row is in doubt and the question is held, since the answer may have been billed.

Source of the tables: VENDOR, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.model import Field, Product, RowStatus

_PLAIN: Mapping[str, str] = {
    "01": "验证通过",
    "02": "验证不通过",
    "202": "无法验证",
    "203": "异常情况",
    "204": "姓名输入错误",
    "205": "身份证号输入错误",
    "206": "银行卡号输入错误",
}
_DETAIL: Mapping[str, str] = {
    "01": "验证通过",
    "02": "验证不通过",
    "03": "未开通认证支付",
    "04": "没收",
    "05": "无效",
    "06": "无对应发卡行",
    "07": "未初始化或睡眠卡",
    "08": "作弊卡、吞卡",
    "09": "挂失",
    "10": "过期",
    "11": "受限制",
    "12": "密码错误次数超限",
    "13": "发卡行不支持此交易",
    "14": "状态不正常",
    "15": "未预留手机号",
    "16": "密码、有效期或 CVN2 有误",
    "202": "暂不支持该业务",
    "203": "认证次数超限",
    "204": "姓名不标准",
    "205": "身份证号不标准",
    "206": "银行卡不标准",
    "208": "交易失败或银行拒绝",
    "209": "要素格式有误",
    "211": "参数不正确",
    "3008": "请重新签约或更换银行卡",
    "3999": "其他无法验证",
    "9999": "服务异常",
}
_ID2: Mapping[str, str] = {
    "01": "实名认证通过！",
    "02": "实名认证不通过",
    "202": "无法验证",
    "203": "异常情况",
    "204": "姓名输入错误",
    "205": "身份证号输入错误",
}

#: The statuses that a product's answers are known to carry, with the vendor's text.
KNOWN_STATUSES: Mapping[Product, Mapping[str, str]] = {
    Product.BANK3: _PLAIN,
    Product.BANK4: {**_PLAIN, "207": "手机号输入错误"},
    Product.BANK3_DETAIL: _DETAIL,
    Product.BANK4_DETAIL: {**_DETAIL, "207": "手机号不标准"},
    Product.ID2: _ID2,
}

_FIELD_AT_FAULT: Mapping[str, Field] = {
    "204": Field.NAME,
    "205": Field.ID_CARD,
    "206": Field.ACCOUNT_NO,
    "207": Field.MOBILE,
}


def verdict(product: Product, status: str) -> RowStatus:
    """Say what an answer's status means for the row; a status that is not known for the product leaves it in doubt.

    >>> verdict(Product.BANK3, "01"), verdict(Product.BANK3_DETAIL, "09")
    (<RowStatus.MATCHED: 'matched'>, <RowStatus.CARD_PROBLEM: 'card_problem'>)
    >>> verdict(Product.BANK3, "09")
    <RowStatus.IN_DOUBT: 'in_doubt'>
    """
    if status not in KNOWN_STATUSES[product]:
        return RowStatus.IN_DOUBT
    match status:
        case "01":
            return RowStatus.MATCHED
        case "02":
            return RowStatus.MISMATCHED
        case "13" | "202" | "208" | "3008" | "3999":
            return RowStatus.UNVERIFIABLE
        case "203":
            return RowStatus.LOCKED
        case "204" | "205" | "206" | "207" | "209" | "211":
            return RowStatus.INVALID
        case "9999":
            return RowStatus.IN_DOUBT
        case _:
            return RowStatus.CARD_PROBLEM


def field_at_fault(status: str) -> Field | None:
    """Name the field that the vendor refuses, where the status names one.

    >>> field_at_fault("205"), field_at_fault("209")
    (<Field.ID_CARD: 'idCard'>, None)
    """
    return _FIELD_AT_FAULT.get(status)
