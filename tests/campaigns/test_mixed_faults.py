"""The short form of the campaign of mixed faults."""

from __future__ import annotations

import pytest

from batchverify.sandbox import Fault
from tests.campaigns.mixed_faults import campaign, script

#: All kinds but the one after which everybody waits for 90 s.
KINDS = tuple(fault for fault in Fault if fault is not Fault.BREAKER_503)


def test_a_script_has_as_many_faults_as_were_wanted_and_of_every_kind():
    rules = script(rows=20_000, faults=2_000, seed=1)

    assert sum(len(rule["at"]) for rule in rules) == 2_000
    assert {rule["fault"] for rule in rules} == {fault.value for fault in Fault}
    assert rules == script(rows=20_000, faults=2_000, seed=1)


@pytest.mark.slow
def test_after_faults_of_every_kind_every_row_ends_and_the_bill_adds_up(tmp_path):
    course = campaign(tmp_path, rows=600, faults=80, seed=7, kinds=KINDS)

    assert course.broken == []
    assert course.struck.keys() == {fault.value for fault in KINDS}
    assert sum(course.struck.values()) == 80
    assert course.codes[-1] == 0
