"""What follows each kind of failed ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import (
    AccountOverdue,
    AskError,
    BadRequest,
    EchoMismatch,
    InDoubt,
    KeyRejected,
    NotSent,
    QuotaExhausted,
    Refused,
    Throttled,
)
from batchverify.model import AttemptState
from batchverify.rules.steps import AskAgain, GiveUp, StopRun, is_last_try, next_step

NOT_SENT = NotSent("The vendor could not be reached.", code="connect")
THROTTLED = Throttled("Too many asks.", code="throttled")


def test_an_ask_that_never_left_is_tried_five_times_with_growing_pauses():
    steps = [next_step(NOT_SENT, attempts=attempts) for attempts in range(1, 6)]

    assert steps == [
        *(AskAgain(after_seconds_max=seconds) for seconds in (1.0, 2.0, 4.0, 8.0)),
        GiveUp(state=AttemptState.NOT_BILLED, code="connect"),
    ]


def test_a_throttled_ask_is_tried_thirty_times_with_pauses_of_a_minute_at_most():
    steps = [next_step(THROTTLED, attempts=attempts) for attempts in range(1, 31)]

    pauses = [step.after_seconds_max for step in steps if isinstance(step, AskAgain)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 23]
    assert steps[-1] == GiveUp(state=AttemptState.NOT_BILLED, code="throttled")


def test_an_ask_that_was_too_late_for_its_slot_is_not_given_up_like_one_that_finds_no_vendor():
    late = NotSent("Too late.", code="late")

    assert isinstance(next_step(late, attempts=29), AskAgain)
    assert next_step(late, attempts=30) == GiveUp(state=AttemptState.NOT_BILLED, code="late")
    assert not is_last_try("late", attempts=29)


@pytest.mark.parametrize(
    ("asked_for", "pause"), [(None, (0.0, 1.0)), (0.5, (0.5, 1.0)), (90.0, (90.0, 90.0)), (-3.0, (0.0, 1.0))]
)
def test_the_pause_that_the_gateway_asks_for_is_kept(asked_for, pause):
    step = next_step(Throttled("Too many asks.", code="throttled", retry_after_seconds=asked_for), attempts=1)

    assert step == AskAgain(after_seconds_min=pause[0], after_seconds_max=pause[1])


def test_what_is_too_long_to_send_is_not_tried_again():
    assert next_step(NotSent("Too long.", code="too_long"), attempts=1) == GiveUp(state=AttemptState.NOT_BILLED, code="too_long")


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        (QuotaExhausted, "quota", "quota"),
        (QuotaExhausted, "quota_expired", "quota"),
        (KeyRejected, "app_code", "app_code"),
        (AccountOverdue, "overdue", "overdue"),
        (BadRequest, "bad_request", "bad_request"),
        (Refused, "refused", "refused"),
    ],
)
def test_a_refusal_stops_the_run_and_is_not_billed(kind, code, reason):
    assert next_step(kind("Refused.", code=code), attempts=1) == StopRun(reason=reason, state=AttemptState.NOT_BILLED)


def test_an_answer_about_someone_else_stops_the_run_and_is_in_doubt():
    step = next_step(EchoMismatch("Another person.", code="bad_echo"), attempts=1)

    assert step == StopRun(reason="bad_echo", state=AttemptState.IN_DOUBT)


@given(
    kind=st.sampled_from([InDoubt, AskError]), attempts=st.integers(1, 100), code=st.sampled_from(["timeout", "reset", "html"])
)
def test_what_may_have_been_billed_is_never_asked_again(kind, attempts, code):
    assert next_step(kind("No whole answer came.", code=code), attempts=attempts) == GiveUp(
        state=AttemptState.IN_DOUBT, code=code
    )
