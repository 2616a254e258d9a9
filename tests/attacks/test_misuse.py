"""Whoever may use it and should not be let do everything: guessing by the hundred, more than a day's work, what may not be kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from batchverify.cli.show import plan_text
from batchverify.errors import InputError, SettingsError
from batchverify.job import Asking, Bounds, Mandate, Options
from batchverify.model import Product
from batchverify.store.ledger.limits import ASKS_PER_ID
from batchverify.words import Lang
from tests.builders import a_card, a_row, an_id, rows
from tests.desk import LeapingClock
from tests.threats import guards


@guards("guessing")
def test_a_hundred_cards_of_one_id_number_are_flagged_and_held_after_a_dozen(desk, sandbox):
    """A stolen ID number, and a list of cards to find the one that goes with it."""
    guesses = [a_row(1, accountNo=a_card(number)) for number in range(100)]
    source = desk.sheet([*guesses, *rows(5, first=200)])

    plan = desk.plan(source)
    result = desk.verify(source)

    assert plan.problems["id_with_cards"].count == 100
    assert "100 rows" in plan_text(plan, Lang.EN) or "One ID number stands with more than four cards." in plan_text(plan, Lang.EN)
    assert sandbox.bill.total() == ASKS_PER_ID + 5
    assert result.counts() == {"matched": ASKS_PER_ID + 5, "locked": 100 - ASKS_PER_ID}
    held = [row for row in result.rows if row["bv_code"] == "id_limit"]
    assert len(held) == 100 - ASKS_PER_ID
    assert all(row["bv_retry_at"] for row in held)


@guards("guessing")
def test_it_is_one_dozen_over_files_products_names_and_processes_and_no_clock_gives_more(desk, sandbox):
    clock = LeapingClock()
    desk.clock = clock
    desk.verify([a_row(1, accountNo=a_card(number)) for number in range(5)])
    names = [{"name": f"张{chr(0x4E00 + number)}", "idCard": an_id(1)} for number in range(20)]
    desk.verify(names, options=Options(asking=Asking(product=Product.ID2)))
    assert sandbox.bill.total() == ASKS_PER_ID

    clock.leap(timedelta(hours=23, minutes=59))
    again = desk.verify([a_row(1, accountNo=a_card(777))])

    assert (again.statuses, again.column("bv_code")) == (["locked"], ["id_limit"])
    assert sandbox.bill.total() == ASKS_PER_ID
    clock.leap(timedelta(minutes=5))
    assert desk.verify([a_row(1, accountNo=a_card(778))]).statuses == ["matched"]


@guards("guessing")
def test_a_hundred_names_of_one_card_are_flagged_and_held_after_four(desk, sandbox):
    source = desk.sheet([a_row(1, name=f"张{chr(0x4E00 + number)}") for number in range(100)])

    assert desk.plan(source).problems["id_with_names"].count == 100
    desk.verify(source)

    assert sandbox.bill.total() == 4


def test_a_person_with_four_cards_is_nobody_to_flag(desk):
    assert desk.plan(desk.sheet([a_row(1, accountNo=a_card(number)) for number in range(4)])).problems == {}


def by(operator: str) -> Options:
    return Options(mandate=Mandate(operator=operator))


@guards("daily-cap")
def test_an_operator_asks_no_more_in_a_day_than_the_setting_says_over_files_and_runs(desk, sandbox):
    desk.verify(rows(6), options=by("wang"), asks_per_operator_per_day=10)
    too_many = desk.sheet(rows(5, first=50))

    with pytest.raises(InputError) as caught:
        desk.verify(too_many, options=by("wang"), asks_per_operator_per_day=10)

    assert str(caught.value) == (
        "The run would ask 5 questions, and 'wang' has 4 left of 10 a day ('asks_per_operator_per_day'). "
        "Cap it with --max-asks 4 and go on tomorrow, or let somebody else do it. Nothing was sent."
    )
    assert sandbox.bill.total() == 6
    assert not list(desk.folder.glob("people-2.verified*"))
    capped = desk.verify(too_many, options=by("wang"), asks_per_operator_per_day=10, bounds=Bounds(max_asks=4))
    assert capped.counts() == {"matched": 4, "not_run": 1}
    assert sandbox.bill.total() == 10
    with pytest.raises(InputError, match=r"'Ｗang ' has 0 left of 10"):  # another spelling is nobody else
        desk.verify(rows(1, first=70), options=by("Ｗang "), asks_per_operator_per_day=10)
    with pytest.raises(InputError, match=r"'wang' has 0 left of 10 a day .* Go on tomorrow, or let somebody else"):
        desk.resume(capped.job, asks_per_operator_per_day=10)
    # What costs nothing goes on, and so does everybody else.
    assert desk.verify(rows(6), options=by("wang"), asks_per_operator_per_day=10).counts() == {"matched": 6}
    assert desk.verify(rows(2, first=90), options=by("li"), asks_per_operator_per_day=10).counts() == {"matched": 2}


@guards("daily-cap")
def test_a_new_day_begins_at_midnight_in_beijing(desk, sandbox):
    clock = LeapingClock()
    desk.clock = clock
    desk.verify(rows(3), options=by("wang"), asks_per_operator_per_day=3)
    clock.leap(timedelta(days=1))

    desk.verify(rows(3, first=30), options=by("wang"), asks_per_operator_per_day=3)

    assert sandbox.bill.total() == 6


@guards("daily-cap")
def test_runs_at_once_share_the_day_and_never_ask_more_than_it_has(desk, sandbox):
    sheets = [desk.sheet(rows(4, first=100 * number)) for number in range(1, 6)]
    sessions = [desk.session(asks_per_operator_per_day=10) for _ in sheets]

    def go(at: int) -> str:
        from batchverify import job

        try:
            job.run_file(sheets[at], by("wang"), desk.bounds(sessions[at]), sessions[at])
        except InputError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(sheets)) as pool:
        told = list(pool.map(go, range(len(sheets))))

    assert sandbox.bill.total() == 8
    assert sum(not one for one in told) == 2
    assert all("left of 10 a day" in one for one in told if one)


@guards("daily-cap")
def test_with_a_daily_cap_nobody_asks_without_a_name(desk, sandbox):
    with pytest.raises(
        SettingsError, match=r"'asks_per_operator_per_day' counts by operator, and there is none\. Add --operator NAME"
    ):
        desk.verify(rows(1), asks_per_operator_per_day=10)

    (desk.folder / "batchverify.toml").write_text("asks_per_operator_per_day = 1000000\n", "utf-8")
    with pytest.raises(SettingsError, match="may be a stranger's"):
        desk.settings()
    assert sandbox.bill.total() == 0
