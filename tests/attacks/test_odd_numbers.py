"""Numbers that nobody means: each is refused with its name or harmless, and none ends as a bug or stops other runs."""

from decimal import Decimal

import pytest

from batchverify.errors import InputError, SettingsError
from batchverify.job import Asking, Bounds
from batchverify.settings import load_settings
from tests.builders import rows

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("days", [NAN, INFINITE, 1e6, 1e300])
@pytest.mark.parametrize("name", ["reuse_days_matched", "reuse_days_other"])
def test_an_age_that_no_calendar_holds_is_refused(home, name, days):
    with pytest.raises(InputError, match="Answers are reused for 36,500 days at most"):
        Asking(**{name: days})
    with pytest.raises(SettingsError, match=f"The setting '{name}' does not fit"):
        load_settings(home=home, **{name: days})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("qps", value) for value in (NAN, INFINITE, 0, 1e-300, 0.001)],
        *[("lock_minutes", value) for value in (0, 10**30)],
        *[("unit_price", value) for value in ("NaN", "Infinity", "-1")],
        *[
            (name, value)
            for name in ("breaker_pause_seconds", "back_off_seconds", "deadline_seconds")
            for value in (NAN, INFINITE)
        ],
        *[("concurrency", value) for value in (0, 10**6)],
        ("asks_per_card_per_day", 10**30),
    ],
)
def test_a_setting_without_measure_is_refused_by_its_name(home, name, value):
    with pytest.raises(SettingsError, match=f"^The setting '{name}' does not fit"):
        load_settings(home=home, **{name: value})


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(max_asks=10**30),
        Bounds(max_yuan=Decimal("1e30")),
        Bounds(max_yuan=Decimal("1e1000")),
        Bounds(sample=10**30),
    ],
)
def test_a_bound_larger_than_all_money_is_no_bound(desk, sandbox, bounds):
    assert desk.verify(rows(2), bounds=bounds).counts() == {"matched": 2}
    assert sandbox.bill.total() == 2


@pytest.mark.parametrize(
    ("yuan", "asks"), [("0.18999999999999999999999999999999999", 0), ("0.19", 1), ("0.57", 3), ("0.5699", 2)]
)
def test_a_cap_in_yuan_never_rounds_up(yuan, asks):
    assert Bounds(max_yuan=Decimal(yuan)).cap_asks(Decimal("0.19")) == asks
