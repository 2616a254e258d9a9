"""What to do about a row, for somebody who has the page before them and no terminal.

The one thing to know: it is the same advice as in the result file, with the button in place of the command. A test holds that
no command is left in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from batchverify.words import action
from batchverify.words.labels import label_of_warning
from batchverify.words.planning import PLANNING
from batchverify.words.sayings import Lang

#: What the commands are here, longest first where one holds another.
_EN: Sequence[tuple[str, str]] = (
    ("Run the failed rows again with `rerun`", "Run the failed rows again from the result page"),
    (
        "Compare with the vendor's usage (`quota reconcile`), or accept that it may be paid twice: `rerun --what in_doubt --accept-double-charge`.",
        "Upload the vendor's usage on the Quota page to decide it, or run the rows in doubt again and accept that they may be paid twice.",
    ),
    (
        "To have an answer all the same, pay a second time: `rerun --what in_doubt --accept-double-charge`.",
        "To have an answer all the same, run the rows in doubt again and pay a second time.",
    ),
    (
        "Raise --max-asks or --max-yuan and go on with `resume`.",
        "Go on with the open rows from the result page, with a higher cap.",
    ),
    ("enter it with `quota add`", "enter it on the Quota page"),
    ("store it with `key set`", "enter it on the Settings page"),
    ("then use `resume`", "then go on with the job"),
    ("Go on with `resume`", "Go on with the job from its page"),
    ("Run it again with `rerun`", "Run it again from the result page"),
    ("Check --endpoint and --product.", "Check the product and the vendor's address."),
    ("Lower --qps.", "Lower the rate (qps) in the settings."),
    ("run `doctor`", "look at the Doctor page"),
    (
        "or run again with --upgrade-15, which computes them",
        "or choose “convert 15-digit ID numbers” with the columns, which computes them",
    ),
    ("use --checks block", "choose the checks “usual” with the columns"),
)
_ZH: Sequence[tuple[str, str]] = (
    ("请用 rerun 重跑失败行", "请在结果页重跑失败行"),
    (
        "请用 quota reconcile 与供应商明细对账；或接受可能重复计费：rerun --what in_doubt --accept-double-charge。",
        "请在“额度”页上传供应商使用明细进行对账；或在结果页重跑这些行，并接受可能重复计费。",
    ),
    ("须再次付费：rerun --what in_doubt --accept-double-charge。", "须再次付费：请在结果页重跑结果未知的行。"),
    ("请提高 --max-asks 或 --max-yuan 后用 resume 继续。", "请在结果页以更高的上限继续核验未完成的行。"),
    ("请用 quota add 录入", "请在“额度”页录入"),
    ("并用 key set 保存", "并在“设置”页保存"),
    ("后用 resume 继续", "后在任务页继续"),
    ("请用 resume 继续", "请在任务页继续"),
    ("请用 rerun 重跑", "请在结果页重跑"),
    ("请检查 --endpoint 和 --product；", "请检查产品和供应商地址；"),
    ("请调低 --qps", "请在设置中调低速率（qps）"),
    ("运行 doctor 检查", "查看“诊断”页"),
    ("或加 --upgrade-15 由程序换算后重跑", "或在“核对列”一步选择“15 位身份证号换算为 18 位”后重跑"),
    ("可改用 --checks block", "可在“核对列”一步改用“常规”检查"),
)


def page_action(code: str, lang: Lang) -> str:
    """Say what to do about a row, from its `bv_code`.

    >>> page_action("dns", Lang.EN)
    'Check the network of this machine. Run the failed rows again from the result page; this try cost nothing.'
    >>> page_action("01", Lang.ZH)
    '无需处理。'
    """
    text = action(code, lang)
    for command, button in _EN if lang is Lang.EN else _ZH:
        text = text.replace(command, button)
    return text


def page_problem(code: str, lang: Lang, *, message: str) -> tuple[str, str]:
    """What is odd about rows of a plan, and what to do. `message` is what the code says of itself.

    >>> page_problem("accountNo:luhn", Lang.EN, message="")
    ('card number: the last digit does not agree with the others', '')
    """
    if code in PLANNING:
        saying = PLANNING[code]
        # In one line the Chinese halves are joined by a comma; here each is a sentence.
        return (saying.en, saying.en_action) if lang is Lang.EN else (f"{saying.zh.rstrip('，')}。", saying.zh_action)
    if ":" in code:
        return label_of_warning(code, lang), ""
    return message, page_action(code, lang)
