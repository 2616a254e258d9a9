"""What is said about the vendor's count of a window beside ours, by the word of `rules.reconcile.Finding`.

The one thing to know: only `above` and `below` are alarms, and each says what else it may be, for an export that is too
early looks like a mistake of the vendor's.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.words.sayings import Lang, Saying

FINDINGS: Mapping[str, Saying] = {
    "agrees": Saying("The counts agree.", "", "双方计数一致。", ""),
    "not_billed": Saying(
        "Nothing in doubt was billed.",
        "It is free to be asked again.",
        "结果未知的调用均未计费。",
        "可免费重新核验。",
    ),
    "billed": Saying(
        "All that was in doubt was billed.",
        "The answers are lost; asking again is a second bill.",
        "结果未知的调用均已计费。",
        "答复已丢失，重新核验会再次计费。",
    ),
    "decided": Saying(
        "Of each ask in doubt it is known whether it was billed.",
        "What was not is free to be asked again.",
        "结果未知的调用均已查明，部分已计费。",
        "未计费的可免费重新核验。",
    ),
    "number_only": Saying(
        "How many of those in doubt were billed is known, but not which.",
        "They stay in doubt; a person decides whether to ask them again.",
        "只能确定结果未知的调用中有几次计费，无法确定是哪几次。",
        "这些行保持“结果未知”，是否重查由人工决定。",
    ),
    "above": Saying(
        "ALARM: the vendor counted more than all that was asked from here.",
        "Somebody else asks with this AppCode, or another home does. If nobody of yours, reset the AppCode in the vendor's console.",
        "警报：供应商的计数多于本机的全部调用。",
        "有其他人或其他工作目录在使用同一 AppCode。如非本单位人员，请在供应商控制台重置 AppCode。",
    ),
    "below": Saying(
        "ALARM: the vendor counted less than was surely answered.",
        "It may post usage late, or a package is missing: export all of them again tomorrow. If it stays so, some status is not "
        "billed: see the setting `billed`. Until then nothing is freed by this export.",
        "警报：供应商的计数少于本机已收到答复的调用。",
        "可能是供应商入账延迟，或缺少某个套餐包的明细，请明天重新导出全部套餐包。如仍不符，说明部分状态不计费，请检查设置 billed。"
        "在此之前，本次导出不会释放任何结果未知的调用。",
    ),
    "unsettled": Saying(
        "Something is in doubt, and the export does not surely tell all of its time yet.",
        "Export again later, with a longer time, or with all packages.",
        "有结果未知的调用，但导出的明细不一定完整覆盖其时间。",
        "请稍后重新导出，或选择更长的起止时间，并包含全部套餐包。",
    ),
}


def finding_text(word: str, lang: Lang) -> str:
    """Say what a finding means and what to do, in one line.

    >>> finding_text("agrees", Lang.EN), finding_text("not_billed", Lang.ZH)
    ('The counts agree.', '结果未知的调用均未计费。可免费重新核验。')
    """
    saying = FINDINGS[word]
    return f"{saying.en} {saying.en_action}".strip() if lang is Lang.EN else saying.zh + saying.zh_action
