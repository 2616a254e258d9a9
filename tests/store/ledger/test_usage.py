"""The windows of all jobs, and what exports said of them."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from batchverify.model import AttemptState, Billed
from batchverify.store.ledger import Statement

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def uses(desk, **more):
    return desk.ledger.usage().uses(since=desk.now - DAY, until=desk.now + DAY, **more)


def test_uses_add_up_over_jobs_by_window_and_leave_out_what_was_free(desk, make):
    other = desk.start(desk.new_job())
    for word in ("a", "b"):
        desk.ask(make.want(word), vendor_at=make.START + 100 * SECOND)
    desk.ask(make.want("c"), run=other, vendor_at=make.START + 110 * SECOND)
    desk.ask(make.want("d"), vendor_at=make.START + 700 * SECOND)
    desk.ask(make.want("e"), vendor_at=make.START + 100 * SECOND, billed=Billed.NO, code="204")
    (unsent,) = desk.granted(make.want("f"))
    desk.settle(make.ended(unsent, AttemptState.NOT_BILLED, "connect"))

    found = [(use.job, use.at - make.START, use.billed, use.asks) for use in uses(desk)]

    assert found == [
        (desk.job.id, 100 * SECOND, Billed.YES, 2),
        (other.job, 110 * SECOND, Billed.YES, 1),
        (desk.job.id, 700 * SECOND, Billed.YES, 1),
    ]
    assert desk.ledger.usage().uses(since=make.START + 101 * SECOND, until=make.START + 700 * SECOND) == [uses(desk)[1]]


def test_seconds_near_an_edge_are_told_apart(desk, make):
    for second in (3, 3, 4, 20, 30, 590, 599):
        desk.ask(make.want(f"{second}-{desk.ledger.jobs()}-{len(uses(desk))}"), vendor_at=make.START + second * SECOND)

    assert [(use.at - make.START) // SECOND for use in uses(desk)] == [3, 4, 20, 590, 599]
    assert [use.asks for use in uses(desk)] == [2, 1, 2, 1, 1]


def test_an_answer_without_the_vendors_time_was_counted_between_reserving_and_settling(desk, make):
    (number,) = desk.granted(make.want())
    desk.pass_time(9)
    desk.settle(make.answered(number))

    (use,) = uses(desk)

    assert (use.earliest, use.latest) == (make.START, make.START + 9 * SECOND)


def test_what_recovery_found_days_later_was_used_when_it_was_asked(desk, make):
    desk.granted(make.want())
    desk.pass_time(3 * 86_400)
    assert desk.recover(dead=True) == 1

    (use,) = desk.ledger.usage().uses(since=make.START, until=make.START + DAY)
    (doubt,) = desk.ledger.usage().doubts()
    (billed,) = desk.ledger.bill(desk.job.id)

    assert billed.at == use.at
    assert (use.at, use.billed, use.state) == (make.START + 65 * SECOND, Billed.UNKNOWN, AttemptState.IN_DOUBT)
    assert (doubt.reserved_at, doubt.settled_at) == (make.START, make.START + 3 * DAY)


def test_doubts_are_what_may_have_been_billed_whatever_its_state(desk, make):
    lost, flying, odd, _ = desk.granted(*(make.want(word) for word in "abcd"))
    desk.settle(
        make.ended(lost, AttemptState.IN_DOUBT), make.answered(odd, code="202", billed=Billed.UNKNOWN, vendor_at=make.START)
    )

    doubts = {doubt.attempt: (doubt.state, doubt.vendor_at) for doubt in desk.ledger.usage().doubts()}

    assert doubts == {
        lost: (AttemptState.IN_DOUBT, None),
        flying: (AttemptState.OPEN, None),
        odd: (AttemptState.ANSWERED, make.START),
        4: (AttemptState.OPEN, None),
    }


def test_the_vendors_clock_is_compared_where_a_run_has_doubts(desk, make):
    other = desk.start(desk.new_job())
    desk.ask(make.want("elsewhere"), run=other, vendor_at=make.START + 99 * SECOND)
    late, early, lost = desk.granted(make.want("a"), make.want("b"), make.want("c"))
    desk.pass_time(2)
    desk.settle(
        make.answered(late, vendor_at=make.START + 721 * SECOND),
        make.answered(early, vendor_at=make.START + 720 * SECOND),
        make.ended(lost, AttemptState.IN_DOUBT),
    )

    assert desk.ledger.usage().clocks() == {desk.run.id: (719 * SECOND, 721 * SECOND)}


def test_a_status_of_unknown_price_is_priced_and_keeps_its_key(desk, make):
    paid = desk.ask(make.want("a"), code="202", billed=Billed.UNKNOWN)
    free = desk.ask(make.want("b"), code="202", billed=Billed.UNKNOWN)

    def decide(billed, *attempts):
        return desk.ledger.reconcile(attempts, billed=billed, now=desk.now, monotonic=desk.monotonic)

    assert decide(Billed.YES, paid) == decide(Billed.NO, free) == []
    assert decide(Billed.NO, paid, free) == [paid, free]

    states = {attempt.number: (attempt.state, attempt.billed, attempt.holds) for attempt in desk.ledger.asks_of(desk.job.id)}
    assert states == {
        paid: (AttemptState.ANSWERED, Billed.YES, True),
        free: (AttemptState.ANSWERED, Billed.NO, True),
    }
    assert [event.transition for event in desk.ledger.audit().events(desk.run.id)][-2:] == ["priced", "priced"]
    (run,) = desk.ledger.runs(desk.job.id)
    assert run.spent == 1
    assert desk.ledger.audit().verify_chain(desk.run.id)
    assert desk.ledger.audit().misfits(desk.run.id) == []


def a_statement(make, **changes):
    return Statement(
        **{
            "starts_at": make.START,
            "joined": make.START,
            "vendor": 3,
            "certain": 2,
            "doubt": 1,
            "billed": 0,
            "not_billed": 0,
            "finding": "number_only",
            "sha256": "a" * 64,
            "noted_at": make.START,
        }
        | changes
    )


def test_a_statement_is_noted_once_and_again_only_with_something_new(desk, make):
    book = desk.ledger.usage()
    first = a_statement(make)
    decided = a_statement(make, billed=1, finding="billed")
    told = a_statement(make, certain=3, doubt=0, finding="agrees")
    alarm = a_statement(make, doubt=0, finding="above")
    another = a_statement(make, certain=3, doubt=0, finding="agrees", sha256="b" * 64)

    assert book.note([first]) == 1
    assert book.note([first]) == 0
    assert book.note([decided]) == 1
    assert book.note([told]) == 0
    assert book.note([alarm]) == 1
    assert book.note([alarm, another]) == 1

    assert book.statements(since=make.START, until=make.START + SECOND) == [first, decided, alarm, another]
    assert book.statements(since=make.START + SECOND, until=make.START + DAY) == []


@pytest.mark.parametrize("forgery", ["UPDATE statement SET vendor = 4", "DELETE FROM statement"])
def test_a_statement_stays_as_it_was_noted(desk, make, forgery):
    desk.ledger.usage().note([a_statement(make)])
    con = sqlite3.connect(desk.path)

    with pytest.raises(sqlite3.IntegrityError, match="a statement is not"):
        con.execute(forgery)
    con.close()
