"""What is said about the vendor's statuses, and what to do about each.

The one thing to know: the vendor's own text is kept beside the answer; these say the same for a clerk, in both languages.
Meanings by VENDOR, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.words.sayings import Saying

_OTHER_CARD = "Ask the person to clear this up with the bank, or to give another card."
_OTHER_CARD_ZH = "请持卡人联系发卡行处理，或更换银行卡。"
_BY_HAND = "Check this person by other means, for example by a look at the documents."
_BY_HAND_ZH = "请用其他方式核验，例如查看证件和银行卡原件。"

STATUSES: Mapping[str, Saying] = {
    "01": Saying(
        "All fields belong together.",
        "Nothing to do.",
        "各项信息一致。",
        "无需处理。",
    ),
    "02": Saying(
        "The fields do not belong together: at least one is another person's or written differently.",
        "Compare all fields with the documents. Correct what is wrong and run this row again; the same row again gives the same answer.",
        "各项信息不一致，至少有一项有误或不属于本人。",
        "请逐项与证件、银行卡核对；更正后再重跑，原样重跑结果不变。",
    ),
    "03": Saying("The card is not open for online payment.", _OTHER_CARD, "此卡未开通认证支付。", _OTHER_CARD_ZH),
    "04": Saying("The bank has withdrawn the card.", _OTHER_CARD, "此卡已被没收。", _OTHER_CARD_ZH),
    "05": Saying("The card is not valid.", _OTHER_CARD, "此卡无效。", _OTHER_CARD_ZH),
    "06": Saying("No bank issues cards with this number.", _OTHER_CARD, "此卡无对应发卡行。", _OTHER_CARD_ZH),
    "07": Saying("The card was never activated or is dormant.", _OTHER_CARD, "此卡未初始化或为睡眠卡。", _OTHER_CARD_ZH),
    "08": Saying("The bank has marked the card as abused or retained.", _OTHER_CARD, "此卡为作弊卡或吞卡。", _OTHER_CARD_ZH),
    "09": Saying("The card is reported as lost.", _OTHER_CARD, "此卡已挂失。", _OTHER_CARD_ZH),
    "10": Saying("The card has expired.", _OTHER_CARD, "此卡已过期。", _OTHER_CARD_ZH),
    "11": Saying("The card is restricted.", _OTHER_CARD, "此卡受限制。", _OTHER_CARD_ZH),
    "12": Saying("The card's PIN was entered wrongly too often.", _OTHER_CARD, "此卡密码错误次数超限。", _OTHER_CARD_ZH),
    "13": Saying("The card's bank does not take part in this check.", _BY_HAND, "发卡行不支持此项核验。", _BY_HAND_ZH),
    "14": Saying("The card is not in a normal state.", _OTHER_CARD, "此卡状态不正常。", _OTHER_CARD_ZH),
    "15": Saying("The bank has no mobile number for this card.", _OTHER_CARD, "此卡未预留手机号。", _OTHER_CARD_ZH),
    "16": Saying(
        "The bank reports a wrong PIN, expiry date or security code for this card.",
        _OTHER_CARD,
        "银行返回密码、有效期或 CVN2 有误。",
        _OTHER_CARD_ZH,
    ),
    "202": Saying(
        "The registers cannot confirm this person, for example after a move or military service.",
        _BY_HAND,
        "无法验证，例如户口迁移、军人转业等情况。",
        _BY_HAND_ZH,
    ),
    "203": Saying(
        "This ID number was asked about too often and is locked for 12 hours.",
        "Wait until the time shown, then rerun the file. Asking earlier would prolong the lock, so it is not done.",
        "同一身份证号核验次数达到上限，已锁定 12 小时。",
        "请在所示时间之后重跑；提前重试会延长锁定，程序不会提前发送。",
    ),
    "204": Saying(
        "The vendor does not accept the name as written.",
        "Correct the name by the person's document and run this row again.",
        "姓名输入有误或不标准。",
        "请按证件更正姓名后重跑此行。",
    ),
    "205": Saying(
        "The vendor does not accept the ID number.",
        "Correct the ID number by the person's document and run this row again.",
        "身份证号输入有误或不标准。",
        "请按证件更正身份证号后重跑此行。",
    ),
    "206": Saying(
        "The vendor does not accept the card number.",
        "Correct the card number by the card and run this row again.",
        "银行卡号输入有误或不标准。",
        "请按银行卡更正卡号后重跑此行。",
    ),
    "207": Saying(
        "The vendor does not accept the mobile number.",
        "Correct the mobile number and run this row again.",
        "手机号输入有误或不标准。",
        "请更正手机号后重跑此行。",
    ),
    "208": Saying("The transaction failed or the bank refused it.", _BY_HAND, "交易失败或被银行拒绝。", _BY_HAND_ZH),
    "209": Saying(
        "The vendor finds a field badly formed.",
        "Compare all fields with the documents, correct them and run this row again.",
        "要素格式有误。",
        "请逐项与证件、银行卡核对，更正后重跑此行。",
    ),
    "211": Saying(
        "The vendor finds a field wrong without saying which.",
        "Compare all fields with the documents, correct them and run this row again.",
        "参数不正确，供应商未说明是哪一项。",
        "请逐项与证件、银行卡核对，更正后重跑此行。",
    ),
    "3008": Saying(
        "The bank asks to sign up again or to use another card.", _OTHER_CARD, "银行要求重新签约或更换银行卡。", _OTHER_CARD_ZH
    ),
    "3999": Saying("The check failed for a reason that the bank does not tell.", _BY_HAND, "其他原因，无法验证。", _BY_HAND_ZH),
}
