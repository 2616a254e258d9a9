"""The cheapest packages against brute force."""

from decimal import Decimal
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.rules.packages import PACKAGES, TRIAL, Mix, cheapest_mix, naive_choice

PRICES = [(100, 19), (1_000, 180), (5_000, 850), (10_000, 1_600), (20_000, 3_000), (50_000, 7_000), (100_000, 13_000)]
PRICES += [(200_000, 24_000), (500_000, 55_000), (1_000_000, 100_000)]


def brute_force(asks):
    """Every combination of the packages above 100, the rest filled with those of 100."""
    counts = [range(-(-asks // size) + 1) for size, _ in PRICES[1:5]]
    return min(
        sum(count * price for count, (_, price) in zip(chosen, PRICES[1:5], strict=True))
        + 19 * max(0, -(-(asks - sum(count * size for count, (size, _) in zip(chosen, PRICES[1:5], strict=True))) // 100))
        for chosen in product(*counts)
    )


def plain_table(most):
    """Costs for every hundred asks up to `most`, one by one, without any shortcut for big numbers."""
    costs = [0]
    for hundreds in range(1, most // 100 + 1):
        costs.append(min(costs[max(0, hundreds - size // 100)] + price for size, price in PRICES))
    return costs


def test_the_list_is_the_vendors():
    assert [(package.asks, int(package.price)) for package in PACKAGES] == PRICES
    assert (TRIAL.asks, TRIAL.price) == (5, 0)


def test_the_price_of_one_ask_falls_with_size():
    """The bound on small packages in a big mix rests on this."""
    assert all(one.price / one.asks > other.price / other.asks for one, other in pairwise(PACKAGES))


def test_small_mixes_are_the_cheapest_of_all_combinations():
    for asks in range(100, 20_001, 300):
        assert cheapest_mix(asks).price == brute_force(asks), asks


def test_mixes_for_every_number_are_those_of_the_next_hundred():
    costs = plain_table(20_000)

    for asks in range(1, 20_001):
        mix = cheapest_mix(asks)
        assert mix.price == costs[-(-asks // 100)], asks
        assert mix.asks >= asks


def test_big_mixes_cost_what_a_plain_table_says():
    """Past the bound, where the biggest package is counted off without looking."""
    most = 3_600_000
    costs = plain_table(most)

    for hundreds in range(9_000, most // 100, 37):
        mix = cheapest_mix(hundreds * 100)
        assert mix.price == costs[hundreds], hundreds
        assert mix.asks >= hundreds * 100


def test_most_numbers_up_to_20_000_are_bought_cheaper_than_by_one_package_that_fits(capsys):
    saved = {asks: naive_choice(asks).price - cheapest_mix(asks).price for asks in range(1, 20_001)}
    cheaper = {asks: yuan for asks, yuan in saved.items() if yuan}
    best = max(cheaper, key=lambda asks: cheaper[asks])

    with capsys.disabled():
        print(f"\n{len(cheaper):,} of 20,000 numbers are bought cheaper, by up to {cheaper[best]} yuan (for {best:,} asks)")  # noqa: T201 - a figure to be quoted
    assert min(saved.values()) == 0
    assert (len(cheaper), best, cheaper[best]) == (16_500, 10_001, 1_381)


@settings(max_examples=50)
@given(asks=st.integers(1, 10**9))
def test_any_number_is_covered_and_never_dearer_than_the_naive_choice(asks):
    mix = cheapest_mix(asks)

    assert mix.asks >= asks
    assert mix.price <= naive_choice(asks).price
    assert mix.price == sum(package.price * count for package, count in mix.packages)


@pytest.mark.parametrize(
    ("asks", "price", "naive"),
    [(0, 0, 0), (1, 19, 19), (100, 19, 19), (101, 38, 180), (4_000, 720, 850), (4_900, 850, 850), (1_000_001, 100_019, 200_000)],
)
def test_the_hurried_choice_beside_the_cheapest(asks, price, naive):
    assert (cheapest_mix(asks).price, naive_choice(asks).price) == (price, naive)


def test_nothing_is_bought_for_nothing():
    assert cheapest_mix(0) == cheapest_mix(-5) == naive_choice(0) == Mix(packages=())
    assert Mix(packages=()).price_per_ask == 0


@pytest.mark.parametrize(("asks", "price"), [(0, 0), (1, 0), (5, 0), (6, 19), (105, 19), (106, 38)])
def test_the_free_package_counts_once_and_only_when_asked_for(asks, price):
    assert cheapest_mix(asks, with_trial=True).price == price
    assert all(package != TRIAL for package, _ in cheapest_mix(asks).packages)
    assert sum(count for package, count in cheapest_mix(asks, with_trial=True).packages if package == TRIAL) == (asks > 0)


def test_the_price_per_ask_is_over_what_the_packages_hold():
    assert cheapest_mix(4_000).price_per_ask == Decimal("0.18")
