"""Summaries that add up, and the sentence for each that does not."""

import copy

import pytest

from batchverify.model import RowStatus
from batchverify.rules.sums import check_sums

#: The example of PRODUCT, section 3, with an ask in doubt and one not billed added.
SUMMARY = {
    "rows": {"total": 6, "unique": 4, "duplicate": 1, "reused": 0, "blocked": 1},
    "status": {status.value: 0 for status in RowStatus} | {"matched": 2, "mismatched": 1, "blocked": 1, "in_doubt": 2},
    "asks": {
        "sent": 5,
        "billed": 3,
        "free": 0,
        "not_billed": 1,
        "in_doubt": 1,
        "saved": {"duplicate": 1, "reused": 0, "blocked": 1},
    },
    "cost": {"currency": "CNY", "unit_price": "0.19", "min": "0.57", "max": "0.76", "saved": "0.38"},
    "quota": {"total": 100, "left_before": 100, "left_after": 97, "low": False, "known": True},
    "windows": [{"asks": 3, "billed": 2}, {"asks": 2, "billed": 1}],
}


def changed(path, value):
    summary = copy.deepcopy(SUMMARY)
    *way, last = path.split(".")
    place = summary
    for step in way:
        place = place[step]
    place[last] = value
    return summary


def test_a_summary_that_adds_up_has_no_violation():
    assert check_sums(SUMMARY) == []


@pytest.mark.parametrize(
    ("path", "value", "sentences"),
    [
        (
            "rows.total",
            7,
            ["rows.total is 7, but the sum of status is 6.", "rows.total is 7, but unique + duplicate + blocked is 6."],
        ),
        ("status.matched", 3, ["rows.total is 6, but the sum of status is 7."]),
        ("status.blocked", 0, ["rows.total is 6, but the sum of status is 5.", "rows.blocked is 1, but status.blocked is 0."]),
        ("rows.unique", 5, ["rows.total is 6, but unique + duplicate + blocked is 7."]),
        (
            "rows.reused",
            5,
            ["rows.reused is 5, more than rows.unique, which is 4.", "asks.saved.reused is 0, but rows.reused is 5."],
        ),
        ("asks.free", 1, ["asks.sent is 5, but billed + free + not_billed + in_doubt is 6."]),
        (
            "asks.saved.duplicate",
            0,
            ["asks.saved.duplicate is 0, but rows.duplicate is 1.", "cost.saved is 0.38, but unit_price × saved is 0.19."],
        ),
        ("cost.min", "0.38", ["cost.min is 0.38, but unit_price × billed is 0.57."]),
        ("cost.max", "0.57", ["cost.max is 0.57, but unit_price × (billed + in_doubt) is 0.76."]),
        ("cost.saved", "0.19", ["cost.saved is 0.19, but unit_price × saved is 0.38."]),
        ("quota.left_after", 101, ["quota.left_after is 101, more than quota.total, which is 100."]),
        (
            "windows",
            [],
            ["asks.sent is 5, but the sum of windows.asks is 0.", "asks.billed is 3, but the sum of windows.billed is 0."],
        ),
    ],
)
def test_a_figure_that_does_not_agree_is_named_with_both_values(path, value, sentences):
    assert check_sums(changed(path, value)) == sentences


@pytest.mark.parametrize(
    "path",
    [f"rows.{part}" for part in ("total", "unique", "duplicate", "blocked")]
    + [f"asks.{part}" for part in ("sent", "billed", "free", "not_billed", "in_doubt")]
    + [f"asks.saved.{part}" for part in ("duplicate", "reused", "blocked")]
    + [f"status.{status}" for status in RowStatus],
)
def test_no_count_can_be_one_more_unnoticed(path):
    *way, last = path.split(".")
    place = SUMMARY
    for step in way:
        place = place[step]

    assert check_sums(changed(path, place[last] + 1))


def test_a_status_that_is_not_listed_is_missed():
    summary = copy.deepcopy(SUMMARY)
    del summary["status"]["locked"], summary["status"]["failed"]

    assert check_sums(summary) == ["status does not list locked, failed."]


@pytest.mark.parametrize("quota", [{"known": False, "total": None, "left_before": None, "left_after": None}, None])
def test_an_unknown_quota_has_no_sum(quota):
    assert check_sums(SUMMARY | {"quota": quota}) == []


def test_a_known_quota_may_not_know_what_was_left():
    assert check_sums(changed("quota.left_before", None)) == []
