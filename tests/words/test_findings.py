"""Every finding has words in both languages."""

from __future__ import annotations

import re

import pytest

from batchverify.rules.reconcile import Finding
from batchverify.words import Lang
from batchverify.words.findings import FINDINGS, finding_text


@pytest.mark.parametrize("finding", Finding)
def test_a_finding_is_said_in_english_and_in_chinese(finding):
    english, chinese = (finding_text(finding, lang) for lang in Lang)

    assert re.fullmatch(r"[\x20-\x7e]+\.", english)
    assert re.fullmatch(r".*[\u4e00-\u9fff].*。", chinese)
    assert ("ALARM" in english) == ("警报" in chinese) == finding.is_alarm


def test_there_are_words_for_findings_only():
    assert FINDINGS.keys() == set(Finding)
