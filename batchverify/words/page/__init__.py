"""Every word of the page, in English and Chinese, by a key `group.word`.

The one thing to know: a text may hold `{places}` for figures and nothing else. What comes from a file (a name, a header, a
cell) is put beside a text by the template, which escapes it; it is never put into one.
"""

from __future__ import annotations

from collections.abc import Mapping

from batchverify.words.page import (
    bill,
    chrome,
    columns,
    entering,
    history,
    looking,
    plan,
    progress,
    quota,
    result,
    settings,
    upload,
)
from batchverify.words.sayings import Lang

#: Key -> (English, Chinese).
PAGE: Mapping[str, tuple[str, str]] = {
    **chrome.WORDS,
    **entering.WORDS,
    **upload.WORDS,
    **columns.WORDS,
    **plan.WORDS,
    **progress.WORDS,
    **result.WORDS,
    **history.WORDS,
    **quota.WORDS,
    **bill.WORDS,
    **settings.WORDS,
    **looking.WORDS,
}


def page_text(key: str, lang: Lang, **figures: object) -> str:
    """Give a text of the page; an unknown key raises KeyError, which is a bug.

    >>> page_text("chrome.jobs", Lang.EN), page_text("chrome.jobs", Lang.ZH)
    ('Jobs', '任务')
    """
    text = PAGE[key][lang is Lang.ZH]
    return text.format(**figures) if figures else text
