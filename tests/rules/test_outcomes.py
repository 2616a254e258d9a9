"""From attempts to what stands beside a row, tried against a drawing of the same rules in plain words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.model import Answer, Attempt, AttemptState, Billed, Blocked, Field, Outcome, Product, Query, RowSource, RowStatus
from batchverify.rules.outcomes import (
    Scope,
    as_duplicate,
    deciding_attempt,
    may_reuse,
    outcome_not_asked,
    outcome_of_attempt,
    outcome_of_blocked,
    was_cut_short,
)

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LOCK = timedelta(hours=12, minutes=10)
QUERY = Query(
    product=Product.BANK3, name="张三", id_card="1", account_no="2", notes=("name:spaces",), warnings=("accountNo:luhn",)
)
SCOPE = Scope(job="ours", matched_after=NOW - timedelta(days=30), other_after=NOW - timedelta(days=1), as_of=NOW, newest=50)


def an_attempt(state=AttemptState.ANSWERED, *, code="01", job="ours", number=1, days_ago=0.0, **others):
    at = NOW - timedelta(days=days_ago)
    return Attempt(
        number=number,
        job=job,
        run=f"{job}.1",
        key=b"k",
        product=Product.BANK3,
        state=state,
        reserved_at=at,
        settled_at=None if state is AttemptState.OPEN else at,
        code="" if state is AttemptState.OPEN else code,
        **others,
    )


def outcome(attempt, answer=None):
    return outcome_of_attempt(QUERY, attempt, answer=answer, scope=SCOPE, lock=LOCK)


@pytest.mark.parametrize(
    ("code", "days_ago", "reused"),
    [("01", 29, True), ("01", 31, False), ("02", 0.9, True), ("02", 1.1, False), ("203", 0, False)],
)
def test_anothers_answer_serves_by_its_age(code, days_ago, reused):
    attempt = an_attempt(code=code, job="theirs", days_ago=days_ago)

    assert may_reuse(attempt, SCOPE) is reused
    assert (deciding_attempt([attempt], SCOPE) is attempt) is reused


def test_anothers_answer_that_came_later_serves_nobody():
    asked_later = an_attempt(job="theirs", number=51)
    in_flight_then = replace(an_attempt(job="theirs", days_ago=0.1), settled_at=NOW + timedelta(seconds=1))

    assert not may_reuse(asked_later, SCOPE)
    assert not may_reuse(in_flight_then, SCOPE)


def test_anothers_answer_of_a_clock_that_was_ahead_serves_at_once():
    """Its number says that it came before; by the wall clock, which was set back since, it is still to come."""
    ahead = an_attempt(job="theirs", days_ago=-0.1)

    assert may_reuse(ahead, SCOPE)
    assert deciding_attempt([ahead], SCOPE) is ahead


@pytest.mark.parametrize("code", ["throttled", "unavailable", "connect", "dns", "tls", "late"])
def test_a_question_that_was_to_be_asked_again_when_its_run_ended_was_cut_short(code):
    tries = [an_attempt(AttemptState.NOT_BILLED, code=code, number=number, holds=False) for number in range(1, 31)]
    others = [replace(attempt, run="ours.2") for attempt in tries]

    assert was_cut_short(tries[0], [tries[0], *others])
    assert was_cut_short(tries[3], tries[:4])
    assert not was_cut_short(tries[-1], tries)


@pytest.mark.parametrize("code", ["too_long", "timeout", "quota", "interrupted"])
def test_a_question_that_was_given_up_was_not_cut_short(code):
    attempt = an_attempt(AttemptState.NOT_BILLED, code=code)

    assert not was_cut_short(attempt, [attempt])


@pytest.mark.parametrize("state", [AttemptState.OPEN, AttemptState.ANSWERED, AttemptState.IN_DOUBT])
def test_only_what_was_not_billed_can_have_been_cut_short(state):
    attempt = an_attempt(state, code="throttled")

    assert not was_cut_short(attempt, [attempt])


@pytest.mark.parametrize("state", [AttemptState.OPEN, AttemptState.NOT_BILLED, AttemptState.IN_DOUBT])
def test_only_an_answer_is_reused(state):
    assert not may_reuse(an_attempt(state), SCOPE)


def test_an_own_answer_speaks_whatever_its_age():
    attempt = an_attempt(code="02", days_ago=400)

    assert deciding_attempt([attempt], SCOPE) is attempt


@pytest.mark.parametrize(
    ("attempts", "speaks"),
    [
        ([], None),
        ([an_attempt(AttemptState.NOT_BILLED, number=1), an_attempt(number=2), an_attempt(AttemptState.NOT_BILLED, number=3)], 2),
        ([an_attempt(number=1), an_attempt(number=2)], 2),
        ([an_attempt(AttemptState.IN_DOUBT, number=1), an_attempt(AttemptState.NOT_BILLED, number=2)], 1),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, holds=False), an_attempt(number=2)], 2),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, holds=False), an_attempt(AttemptState.IN_DOUBT, number=2)], 2),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, holds=False), an_attempt(AttemptState.NOT_BILLED, number=2)], 2),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, holds=False), an_attempt(number=2, code="203", holds=False)], 2),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, holds=False)], 1),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, holds=False, job="theirs")], None),
        ([an_attempt(AttemptState.IN_DOUBT, number=1, job="theirs")], 1),
        ([an_attempt(AttemptState.OPEN, number=1, job="theirs")], 1),
        ([an_attempt(AttemptState.NOT_BILLED, number=1, job="theirs")], None),
        ([an_attempt(number=51, job="theirs")], None),
        ([an_attempt(AttemptState.IN_DOUBT, number=51, job="theirs")], None),
        ([an_attempt(AttemptState.IN_DOUBT, number=51)], 51),
        ([an_attempt(number=1, code="203", holds=False), an_attempt(AttemptState.NOT_BILLED, number=2)], 2),
        ([an_attempt(number=1, code="203", holds=False, job="theirs")], None),
    ],
)  # fmt: skip
def test_an_answer_speaks_before_a_doubt_and_a_doubt_before_a_failure(attempts, speaks):
    decided = deciding_attempt(attempts, SCOPE)

    assert (decided.number if decided else None) == speaks
    assert deciding_attempt(list(reversed(attempts)), SCOPE) is decided


@given(
    st.lists(
        st.builds(
            an_attempt,
            st.sampled_from(AttemptState),
            code=st.sampled_from(["01", "02", "203", "202", "connect", "quota"]),
            job=st.sampled_from(["ours", "theirs"]),
            number=st.integers(46, 55),
            days_ago=st.floats(-2, 60),
            holds=st.booleans(),
        ),
        max_size=5,
        unique_by=lambda attempt: attempt.number,
    )
)
def test_what_comes_out_later_changes_nothing_of_others(attempts):
    """A result speaks of one instant: attempts of others reserved after it leave it as it is."""
    before = [attempt for attempt in attempts if attempt.job == "ours" or attempt.number <= SCOPE.newest]

    assert deciding_attempt(attempts, SCOPE) is deciding_attempt(before, SCOPE)


@pytest.mark.parametrize(
    ("attempt", "status", "code", "billed"),
    [
        (an_attempt(billed=Billed.YES), RowStatus.MATCHED, "01", Billed.YES),
        (an_attempt(code="202", billed=Billed.UNKNOWN), RowStatus.UNVERIFIABLE, "202", Billed.UNKNOWN),
        (an_attempt(AttemptState.IN_DOUBT, code="timeout", billed=Billed.UNKNOWN), RowStatus.IN_DOUBT, "timeout", Billed.UNKNOWN),
        (an_attempt(AttemptState.IN_DOUBT, code="timeout", billed=Billed.YES), RowStatus.IN_DOUBT, "answer_lost", Billed.YES),
        (an_attempt(AttemptState.NOT_BILLED, code="timeout"), RowStatus.FAILED, "not_counted", Billed.NO),
        (an_attempt(AttemptState.NOT_BILLED, code="connect"), RowStatus.FAILED, "connect", Billed.NO),
        (an_attempt(AttemptState.NOT_BILLED, code="quota"), RowStatus.NOT_RUN, "quota", Billed.NO),
        (an_attempt(AttemptState.NOT_BILLED, code="interrupted"), RowStatus.NOT_RUN, "interrupted", Billed.NO),
        (an_attempt(AttemptState.OPEN), RowStatus.NOT_RUN, "in_flight", Billed.NO),
    ],
)
def test_an_attempt_becomes_a_status(attempt, status, code, billed):
    made = outcome(attempt)

    assert (made.status, made.code, made.billed, made.source) == (status, code, billed, RowSource.ASKED)
    assert (made.notes, made.warnings, made.retry_at) == (QUERY.notes, QUERY.warnings, None)


def test_an_answer_brings_its_message_and_details():
    answer = Answer(status="01", message="验证通过", details={"sex": "男"})

    made = outcome(an_attempt(vendor_at=NOW + timedelta(seconds=1), request_id="R"), answer)

    assert (made.message, made.details, made.request_id) == ("验证通过", {"sex": "男"}, "R")
    assert made.asked_at == NOW + timedelta(seconds=1)


def test_anothers_answer_costs_this_job_nothing():
    made = outcome(an_attempt(job="theirs", billed=Billed.YES))

    assert (made.source, made.billed) == (RowSource.REUSED, Billed.NO)


def test_a_field_that_the_vendor_refuses_is_named():
    assert outcome(an_attempt(code="205")).at is Field.ID_CARD
    assert outcome(an_attempt(code="01")).at is None


def test_a_203_is_locked_until_its_lock_ends():
    made = outcome(an_attempt(code="203", billed=Billed.YES))

    assert (made.status, made.retry_at, made.billed) == (RowStatus.LOCKED, NOW + LOCK, Billed.YES)


def test_a_blocked_row_names_the_reason_and_the_place():
    made = outcome_of_blocked(Blocked(code="id_checksum", at=Field.ID_CARD))

    assert made == Outcome(status=RowStatus.BLOCKED, code="id_checksum", source=RowSource.LOCAL, at=Field.ID_CARD)


def test_a_question_that_was_not_asked_is_locked_where_an_instant_is_known():
    assert outcome_not_asked(QUERY, code="budget").status is RowStatus.NOT_RUN
    locked = outcome_not_asked(QUERY, code="id_locked", retry_at=NOW)
    assert (locked.status, locked.retry_at, locked.source, locked.warnings) == (
        RowStatus.LOCKED,
        NOW,
        RowSource.LOCAL,
        QUERY.warnings,
    )


def test_a_duplicate_says_the_same_and_costs_nothing_more():
    twin = Query(product=Product.BANK3, name="张三", id_card="1", account_no="2", notes=("idCard:full_width",))

    made = as_duplicate(outcome(an_attempt(billed=Billed.YES)), of_row=2, query=twin)

    assert (made.status, made.source, made.billed, made.duplicate_of) == (RowStatus.MATCHED, RowSource.DUPLICATE, Billed.NO, 2)
    assert (made.notes, made.warnings) == (twin.notes, ())
    assert as_duplicate(outcome_not_asked(QUERY, code="budget"), of_row=2, query=twin).source is RowSource.LOCAL
