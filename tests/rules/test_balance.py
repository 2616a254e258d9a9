import pytest

from batchverify.rules.balance import BalanceWarning, is_low, shortfall, warnings_of

LOW, SHORT = BalanceWarning.LOW, BalanceWarning.SHORT


@pytest.mark.parametrize(
    ("total", "left", "needed", "expected"),
    [
        (1000, 1000, 0, set()),
        (1000, 200, 0, set()),
        (1000, 199, 0, {LOW}),
        (1000, 200, 201, {SHORT}),
        (1000, 0, 1, {LOW, SHORT}),
        (0, 0, 0, {LOW}),
        (None, None, 10_000, set()),
    ],
)
def test_a_warning_holds_below_the_level_or_where_a_plan_needs_more_than_is_left(total, left, needed, expected):
    assert warnings_of(total=total, left=left, low_percent=20, needed=needed) == expected


def test_a_level_of_nought_never_warns_of_little_but_still_of_too_little_for_a_plan():
    assert warnings_of(total=10, left=0, low_percent=0, needed=5) == {SHORT}
    assert not is_low(total=0, left=0, low_percent=0)


def test_a_wallet_that_is_overdrawn_lacks_what_is_needed_and_no_more():
    assert shortfall(left=-7, needed=5) == 5
