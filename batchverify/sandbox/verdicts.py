"""The five products and the rule by which made-up people get every answer.

The one thing to know: the verdict follows from the numbers alone, so that a sample sheet can produce any status and the
same question always gets the same answer.

| product | what decides | answers |
|---|---|---|
| bank3, bank4 and their details | the two digits before the last of the card: `02`-`16` | the status of that number |
| | `52`-`59`, `61` | 202-209, 211 |
| | `38`, `39`, `99` | 3008, 3999, 9999 |
| | anything else | 01 |
| bank4, bank4-detail | a mobile that ends in `0000` | 02 |
| id2 | the sequence number of the ID (digits 15 to 17): `002`, `202`-`205` | the status of that number |
| | anything else | 01 |

A product that does not know the status answers 02 instead. Before all this: the vendor's own sample (张三, 511126199511111111,
621411111111149563) answers 01, and its card 02 with anybody else; an empty name answers 204, what is no ID number 205, no card number
206, no mobile 207 (209 on the detail path). An ID that got a 203 is locked for 12 hours, and asking again prolongs the lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batchverify.sandbox.people import card_facts_of, facts_of, is_card_number, is_id_number, is_mobile

MATCH, MISMATCH, LOCKED = "01", "02", "203"

SAMPLE_NAME, SAMPLE_ID, SAMPLE_CARD = "张三", "511126199511111111", "621411111111149563"

_PLAIN = {
    "01": "验证通过",
    "02": "验证不通过",
    "202": "无法验证",
    "203": "异常情况",
    "204": "姓名输入错误",
    "205": "身份证号输入错误",
    "206": "银行卡号输入错误",
}
_PLAIN_WITH_MOBILE = {**_PLAIN, "207": "手机号输入错误"}
_DETAIL = {
    "01": "验证通过",
    "02": "验证不通过",
    "03": "未开通认证支付",
    "04": "此卡被没收",
    "05": "无效卡号",
    "06": "此卡无对应发卡行",
    "07": "该卡未初始化或睡眠卡",
    "08": "作弊卡、吞卡",
    "09": "此卡已挂失",
    "10": "此卡已过期",
    "11": "受限制的卡",
    "12": "密码错误次数超限",
    "13": "发卡行不支持此交易",
    "14": "卡状态不正确",
    "15": "未预留手机号",
    "16": "密码、有效期或CVN2有误",
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
_ID2 = {
    "01": "实名认证通过！",
    "02": "实名认证不通过！",
    "202": "无法验证！",
    "203": "异常情况！",
    "204": "姓名输入错误！",
    "205": "身份证号输入错误！",
}

_BY_CARD_DIGITS = {
    **{f"{number:02d}": f"{number:02d}" for number in range(2, 17)},
    **{f"{number - 150}": f"{number}" for number in (202, 203, 204, 205, 206, 207, 208, 209, 211)},
    "38": "3008",
    "39": "3999",
    "99": "9999",
}
_BY_ID_SEQUENCE = {"002": "02", "202": "202", "203": "203", "204": "204", "205": "205"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One endpoint: the word our command line has for it, its path, what it takes, what it can say."""

    word: str
    path: str
    fields: tuple[str, ...]
    messages: Mapping[str, str]


_THREE = ("accountNo", "idCard", "name")

PRODUCTS = (
    Product(word="bank3", path="/bank3Check", fields=_THREE, messages=_PLAIN),
    Product(word="bank3-detail", path="/bank3CheckNew", fields=_THREE, messages=_DETAIL),
    Product(word="bank4", path="/bankCheck4", fields=(*_THREE, "mobile"), messages=_PLAIN_WITH_MOBILE),
    Product(word="bank4-detail", path="/bankCheck4New", fields=(*_THREE, "mobile"), messages=_DETAIL),
    Product(word="id2", path="/IDCard", fields=("idCard", "name"), messages=_ID2),
)


def verdict_on(product: Product, fields: Mapping[str, str]) -> str:
    """Return the status for a question by the table above. Locks are the vendor's affair, not this function's.

    >>> bank3, *_, id2 = PRODUCTS
    >>> verdict_on(bank3, {"name": "张三", "idCard": "511126199511111111", "accountNo": "621411111111149563"})
    '01'
    >>> verdict_on(bank3, {"name": "李四", "idCard": "511126199001010018", "accountNo": "6217000000000526"})
    '202'
    >>> verdict_on(id2, {"name": "李四", "idCard": "511126199001012021"})
    '202'
    """
    name, id_number = fields["name"], fields["idCard"]
    card, mobile = fields.get("accountNo"), fields.get("mobile")
    if not name.strip():
        return "204"
    if not is_id_number(id_number):
        return "205"
    if card is None:
        return MATCH if (name, id_number) == (SAMPLE_NAME, SAMPLE_ID) else _BY_ID_SEQUENCE.get(id_number[14:17], MATCH)
    if not is_card_number(card):
        return "206"
    if mobile is not None and not is_mobile(mobile):
        return "207" if "207" in product.messages else "209"
    if card == SAMPLE_CARD:
        return MATCH if (name, id_number) == (SAMPLE_NAME, SAMPLE_ID) else MISMATCH
    if mobile is not None and mobile.endswith("0000"):
        return MISMATCH
    status = _BY_CARD_DIGITS.get(card[-3:-1], MATCH)
    return status if status in product.messages else MISMATCH


def answer_to(product: Product, fields: Mapping[str, str], *, status: str) -> dict[str, str]:
    """Return the answer in wire order: status first, the echo, then what a match tells; "" for all of that otherwise.

    >>> answer_to(PRODUCTS[-1], {"name": "李四", "idCard": "110101199001010027"}, status="02")["sex"]
    ''
    """
    id_number, card = fields["idCard"], fields.get("accountNo")
    echo = {"idCard": id_number, "name": fields["name"]}
    told = {} if status != MATCH else facts_of(id_number)
    if card is not None:
        echo = {"idCard": id_number, "accountNo": card, "name": fields["name"]}
        told = card_facts_of(card) | told if told else told
    if not told:
        told = dict.fromkeys(_TOLD_WITH_CARD if card is not None else _TOLD, "")
    return {"status": status, "msg": product.messages.get(status, "未知"), **echo, **told}


_TOLD = ("sex", "area", "province", "city", "prefecture", "birthday", "addrCode", "lastCode")
_TOLD_WITH_CARD = ("bank", "cardName", "cardType", *_TOLD)
