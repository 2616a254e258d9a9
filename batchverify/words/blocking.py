"""What is said about rows that the checks on this machine found wrong. They were never sent and cost nothing.

The one thing to know: each action can be carried out in the spreadsheet, by the person who has it open.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.words.sayings import Saying

_AS_TEXT = "Take the number from its source again, into a cell formatted as text, then run this row again."
_AS_TEXT_ZH = "请从原始系统重新取得号码，粘贴到“文本”格式的单元格后重跑此行。"
_COMPARE_ID = "Compare the number with the person's document, correct it and run this row again."
_COMPARE_ID_ZH = "请与证件原件核对，更正后重跑此行。"
_COMPARE_CARD = "Compare the number with the card, correct it and run this row again."
_COMPARE_CARD_ZH = "请与银行卡核对，更正后重跑此行。"

BLOCKING: Mapping[str, Saying] = {
    "forgotten": Saying(
        "The person asked to be forgotten. What was answered is erased, and the row is not asked about again.",
        "Delete the person from your own files, too. If there is a new consent, verify the row in a new file.",
        "该人员已要求删除其信息，答复已清除，此行不再查询。",
        "请同时从您自己的文件中删除该人员；如已取得新的同意，请另建文件核验。",
    ),
    "missing_field": Saying(
        "A field that the check needs is empty.",
        "Fill it in and run this row again.",
        "核验所需的字段为空。",
        "请补充后重跑此行。",
    ),
    "precision_lost": Saying(
        "The number sits in a numeric cell with 16 or more digits. A spreadsheet keeps 15 of them, so the last ones are lost.",
        _AS_TEXT,
        "号码在数字格式的单元格中且超过 15 位，表格软件只保留前 15 位，末尾数字已丢失。",
        _AS_TEXT_ZH,
    ),
    "precision_suspect": Saying(
        "The number sits in a numeric cell, has 16 digits and ends in 0: its last digit was probably lost.",
        "Compare the last digit with the card. If it is right, format the cell as text, type the number again and run this row again.",
        "号码在数字格式的单元格中，共 16 位且末位为 0，末位很可能已丢失。",
        "请与银行卡核对末位；如无误，请将单元格设为“文本”格式后重新输入，再重跑此行。",
    ),
    "scientific_text": Saying(
        "The number is written with an exponent, as Excel does when it saves long numbers: its last digits are lost.",
        _AS_TEXT,
        "号码是科学计数法（如 6.2E+17），末尾数字已丢失。",
        _AS_TEXT_ZH,
    ),
    "formula_without_value": Saying(
        "The cell holds a formula whose result is not stored in the file.",
        "Open the file in Excel, save it, or replace the formula by its value; then run this row again.",
        "单元格是公式，但文件中没有保存计算结果。",
        "请用 Excel 打开并保存，或将公式粘贴为数值，再重跑此行。",
    ),
    "odd_cell": Saying(
        "The cell holds a date, a yes/no value or an error instead of text.",
        "Format the cell as text, type the content again and run this row again.",
        "单元格内容是日期、逻辑值或错误值，不是文本。",
        "请将单元格设为“文本”格式后重新输入，再重跑此行。",
    ),
    "id_length": Saying(
        "An ID number has 18 characters; this one has more or fewer.",
        _COMPARE_ID,
        "身份证号应为 18 位，位数不符。",
        _COMPARE_ID_ZH,
    ),
    "id_characters": Saying(
        "The ID number holds characters other than digits and a final X.",
        _COMPARE_ID,
        "身份证号含有数字和末位 X 以外的字符。",
        _COMPARE_ID_ZH,
    ),
    "id_checksum": Saying(
        "The last character of the ID number does not agree with the others: at least one is wrong.",
        _COMPARE_ID,
        "身份证号校验码不符，至少有一位错误。",
        _COMPARE_ID_ZH,
    ),
    "id_birthdate": Saying(
        "The date of birth in the ID number does not exist.",
        _COMPARE_ID,
        "身份证号中的出生日期不存在。",
        _COMPARE_ID_ZH,
    ),
    "id_future": Saying(
        "The date of birth in the ID number lies in the future.",
        _COMPARE_ID,
        "身份证号中的出生日期晚于今天。",
        _COMPARE_ID_ZH,
    ),
    "id_15_digits": Saying(
        "The ID number is of the old form with 15 digits.",
        "Enter the 18 characters of the present document, or run again with --upgrade-15, which computes them.",
        "身份证号是 15 位旧号码。",
        "请填写现用证件的 18 位号码，或加 --upgrade-15 由程序换算后重跑。",
    ),
    "minor": Saying(
        "By the ID number the person is under 14. Their data needs the consent of a parent or guardian.",
        "If you hold that consent, allow minors in the settings and run this row again; otherwise leave it.",
        "按身份证号此人未满十四周岁，处理其信息须取得监护人同意。",
        "如已取得同意，请在设置中允许未成年人后重跑此行；否则请勿核验。",
    ),
    "other_certificate": Saying(
        "By its document type the row has no resident identity card, and only those can be checked.",
        "Check this person by other means, or correct the document type and run this row again.",
        "证件类型不是居民身份证，无法核验。",
        "请用其他方式核验；如证件类型填写有误，更正后重跑此行。",
    ),
    "card_length": Saying(
        "A card number has 12 to 19 digits; this one has more or fewer.",
        _COMPARE_CARD,
        "银行卡号应为 12 至 19 位，位数不符。",
        _COMPARE_CARD_ZH,
    ),
    "card_characters": Saying(
        "The card number holds characters other than digits.",
        _COMPARE_CARD,
        "银行卡号含有数字以外的字符。",
        _COMPARE_CARD_ZH,
    ),
    "card_luhn": Saying(
        "The last digit of the card number does not agree with the others: most likely one is wrong.",
        f"{_COMPARE_CARD} If it is right, use --checks block.",
        "银行卡号校验位不符，很可能有一位错误。",
        f"{_COMPARE_CARD_ZH}如卡号无误，可改用 --checks block。",
    ),
    "mobile_format": Saying(
        "The mobile number is not one of mainland China: 11 digits that start with 13 to 19.",
        "Correct the mobile number and run this row again.",
        "手机号不是 11 位大陆手机号（以 13 至 19 开头）。",
        "请更正手机号后重跑此行。",
    ),
    "name_unreadable": Saying(
        "The name holds a character that was lost on its way into this file or means nothing outside one computer.",
        "Type the name again from the person's document and run this row again.",
        "姓名中有乱码、占位符或自造字。",
        "请按证件重新输入姓名后重跑此行。",
    ),
    "name_characters": Saying(
        "The name holds digits or marks that no name has, or is too long.",
        "Write the name exactly as on the person's document, without remarks, and run this row again.",
        "姓名含有数字或不应出现的符号，或过长。",
        "请按证件填写姓名，去掉备注后重跑此行。",
    ),
}
