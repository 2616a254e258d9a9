"""What follows from an ID number and a card number, as the vendor would tell it.

The one thing to know: no checksum is looked at, because the vendor's own sample numbers fail both of theirs.
"""

from __future__ import annotations

import re
from datetime import date

from batchverify.sandbox.regions import name_of

_ID_SHAPE = re.compile(r"\d{17}[\dXx]", re.ASCII)
_CARD_SHAPE = re.compile(r"\d{12,19}", re.ASCII)
_MOBILE_SHAPE = re.compile(r"1\d{10}", re.ASCII)

# BIN -> bank, cardName, cardType. The first is the vendor's own sample; the others are well-known series.
_CARDS = {
    "621411": ("中国建设银行", "龙卡通", "借记卡"),
    "621700": ("中国建设银行", "龙卡通", "借记卡"),
    "622202": ("中国工商银行", "牡丹灵通卡", "借记卡"),
    "622848": ("中国农业银行", "金穗通宝卡", "借记卡"),
    "621661": ("中国银行", "长城电子借记卡", "借记卡"),
    "622262": ("交通银行", "太平洋借记卡", "借记卡"),
    "622588": ("招商银行", "一卡通", "借记卡"),
    "622575": ("招商银行", "信用卡", "贷记卡"),
}
_OTHER_CARD = ("沙箱银行", "沙箱卡", "借记卡")


def is_id_number(text: str) -> bool:
    """Say whether a text is 17 digits and a digit or X with a day of the calendar inside.

    >>> is_id_number("511126199511111111"), is_id_number("511126199502301111"), is_id_number("511126951111111")
    (True, False, False)
    """
    if not _ID_SHAPE.fullmatch(text):
        return False
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return True


def is_card_number(text: str) -> bool:
    """Say whether a text is 12 to 19 digits.

    >>> is_card_number("621411111111149563"), is_card_number("6214 1111 1111 1495")
    (True, False)
    """
    return _CARD_SHAPE.fullmatch(text) is not None


def is_mobile(text: str) -> bool:
    """Say whether a text is a mainland mobile number.

    >>> is_mobile("13800138001"), is_mobile("+8613800138001")
    (True, False)
    """
    return _MOBILE_SHAPE.fullmatch(text) is not None


def facts_of(id_number: str) -> dict[str, str]:
    """Return the vendor's eight reference fields of an ID number that `is_id_number` accepts, in wire order.

    >>> list(facts_of("511126199511111111").items())[:4]
    [('sex', '男'), ('area', '四川省乐山市夹江县'), ('province', '四川省'), ('city', '乐山市')]
    >>> list(facts_of("511126199511111111").values())[4:]
    ['夹江县', '1995-11-11', '511126', '1']

    Residence permits (81, 82, 83) know only their province, numbers without a region (9…) none:

    >>> facts_of("810000199001010010")["area"], facts_of("911156199001010010")["area"]
    ('香港特别行政区', '')
    """
    code, year = id_number[:6], int(id_number[6:10])
    province = name_of(code[:2] + "0000", year=year)
    has_districts = bool(province) and not code.startswith("8")
    city = name_of(code[:4] + "00", year=year) if has_districts else ""
    prefecture = name_of(code, year=year) if has_districts else ""
    return {
        "sex": "男" if int(id_number[16]) % 2 else "女",
        "area": province + city + prefecture,
        "province": province,
        "city": city,
        "prefecture": prefecture,
        "birthday": f"{id_number[6:10]}-{id_number[10:12]}-{id_number[12:14]}",
        "addrCode": code,
        "lastCode": id_number[17],
    }


def card_facts_of(card_number: str) -> dict[str, str]:
    """Return bank, card name and card type by the first six digits, in wire order.

    >>> card_facts_of("621411111111149563")
    {'bank': '中国建设银行', 'cardName': '龙卡通', 'cardType': '借记卡'}
    """
    bank, card_name, card_type = _CARDS.get(card_number[:6], _OTHER_CARD)
    return {"bank": bank, "cardName": card_name, "cardType": card_type}
