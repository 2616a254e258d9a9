"""What a plan says about rows beside the reasons for which one is never sent: duplicates, contradictions, what is reused.

The one thing to know: rows that contradict each other are asked all the same. Which of two names is right is what the vendor
is asked for; only the person with the sheet knows whether both rows should be in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchverify.words.sayings import Lang, Saying

PLANNING: Mapping[str, Saying] = {
    "duplicate": Saying(
        "The same question stands in an earlier row.",
        "It is asked, and paid, once.",
        "与前面某行查询相同，",
        "只调用、只计费一次。",
    ),
    "reused": Saying(
        "Answered already.",
        "Not asked again, no cost.",
        "已有核验结果，",
        "不再调用，不计费。",
    ),
    "id_with_names": Saying(
        "One ID number stands with different names.",
        "Each is asked. Look which row is right.",
        "同一身份证号对应不同姓名，",
        "各行均会调用，请核对哪一行正确。",
    ),
    "card_with_ids": Saying(
        "One card stands with different ID numbers.",
        "Each is asked. Look which row is right.",
        "同一银行卡号对应不同身份证号，",
        "各行均会调用，请核对哪一行正确。",
    ),
    "mobile_with_ids": Saying(
        "One mobile number stands with more than three people.",
        "Each is asked. Look whether it is the number of each of them.",
        "同一手机号对应三人以上，",
        "各行均会调用，请核对是否均为本人号码。",
    ),
    "id_with_cards": Saying(
        "One ID number stands with more than four cards.",
        "No more than twelve are asked in a day. Look which row is right.",
        "同一身份证号对应四张以上银行卡，",
        "一天最多调用十二次，请核对哪一行正确。",
    ),
}


def planning_text(word: str, lang: Lang) -> str:
    """Say what is odd about rows and what comes of it, in one line.

    >>> planning_text("duplicate", Lang.EN), planning_text("reused", Lang.ZH)
    ('The same question stands in an earlier row. It is asked, and paid, once.', '已有核验结果，不再调用，不计费。')
    """
    saying = PLANNING[word]
    return f"{saying.en} {saying.en_action}" if lang is Lang.EN else saying.zh + saying.zh_action


def rows_text(rows: Sequence[int], count: int, lang: Lang, *, groups: Sequence[Sequence[int]] = (), most: int = 20) -> str:
    """Name the first `most` rows and say how many more there are of `count`; those that belong together as 5+9.

    >>> rows_text([5, 9, 6, 20], 16, Lang.EN, groups=[[5, 9], [6, 20]]), rows_text([2, 3, 4], 3, Lang.ZH, most=2)
    ('5+9, 6+20 and 12 more', '2, 3 等，另有 1 行')
    """
    named = list(rows[:most])
    together = [[row for row in group if row in named] for group in groups] or [[row] for row in named]
    shown = ", ".join("+".join(map(str, group)) for group in together if group)
    if count <= len(named):
        return shown
    more = f"{count - len(named):,}"
    return f"{shown} and {more} more" if lang is Lang.EN else f"{shown} 等，另有 {more} 行"
