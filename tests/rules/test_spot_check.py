"""The rows an audit report shows: from every status, the same each time, and not to be steered."""

from __future__ import annotations

import random

from batchverify.rules.spot_check import MOST_ROWS, SpotCheck

GROUPS = 10


def chosen(rows: dict[int, str], *, sha256: str = "ab") -> list[int]:
    check = SpotCheck[int](input_sha256=sha256, groups=GROUPS)
    for row, status in rows.items():
        check.add(row, group=status, item=row)
    return check.chosen()


def test_a_short_list_is_shown_whole():
    assert chosen(dict.fromkeys(range(2, 12), "matched")) == list(range(2, 12))


def test_a_status_of_one_row_among_many_is_shown():
    rows = dict.fromkeys(range(2, 5002), "matched") | {4711: "locked", 23: "in_doubt"}

    shown = chosen(rows)

    assert len(shown) == MOST_ROWS
    assert shown == sorted(shown)
    assert {4711, 23} <= set(shown)


def test_all_statuses_at_once_still_fit():
    shown = chosen({row: f"status {row % GROUPS}" for row in range(2, 3002)})

    assert len(shown) == MOST_ROWS
    assert {row % GROUPS for row in shown} == set(range(GROUPS))


def test_the_order_of_reading_does_not_matter():
    rows = {row: f"status {row % 7}" for row in range(2, 900)}
    shuffled = list(rows.items())
    random.Random(1).shuffle(shuffled)

    assert chosen(dict(shuffled)) == chosen(rows)


def test_another_input_shows_other_rows():
    rows = dict.fromkeys(range(2, 5002), "matched")

    assert chosen(rows, sha256="ab") != chosen(rows, sha256="cd")


def test_rows_are_spread_over_the_sheet():
    """Of 200 inputs the mean row shown lies near the middle: no end of the sheet is spared."""
    rows = dict.fromkeys(range(1, 1001), "matched")
    means = [sum(chosen(rows, sha256=f"{number}")) / MOST_ROWS for number in range(200)]

    assert 470 < sum(means) / len(means) < 530
