"""How many may be in flight, and when a vendor is left alone: two automata, tried against plain words."""

from hypothesis import given
from hypothesis import strategies as st

from batchverify.rules.pace import FIRST_LIMIT, Breaker, Pace


@given(
    ceiling=st.integers(1, 300),
    events=st.lists(st.tuples(st.sampled_from(["full", "idle", "throttled"]), st.integers(0, 60)), max_size=200),
)
def test_slots_stay_between_one_and_the_ceiling(ceiling, events):
    pace = Pace(ceiling=ceiling)
    assert pace.slots == min(FIRST_LIMIT, ceiling)
    for number, (event, in_flight) in enumerate(events, 1):
        before = pace.slots
        if event == "throttled":
            pace = pace.throttled(attempt=number, newest=number + in_flight)
            assert pace.slots <= before
        else:
            pace = pace.answered(attempt=number, was_full=event == "full")
            assert pace.slots in ({before, before + 1} if event == "full" else {before})
        assert 1 <= pace.slots <= ceiling


def test_a_burst_of_throttles_cuts_once():
    pace = Pace(ceiling=100, limit=50)

    for attempt in range(10, 60):
        pace = pace.throttled(attempt=attempt, newest=59)

    assert pace.slots == 35
    assert pace.throttled(attempt=60, newest=60).slots == 24


def test_an_answer_to_an_ask_from_before_the_cut_adds_nothing():
    cut = Pace(ceiling=100, limit=50).throttled(attempt=10, newest=59)

    assert cut.answered(attempt=59, was_full=True) is cut
    assert cut.answered(attempt=60, was_full=True).slots == 36


def test_a_limit_above_the_ceiling_is_cut_from_the_ceiling():
    assert Pace(ceiling=10, limit=40).throttled(attempt=1, newest=1).slots == 7
    assert Pace(ceiling=10, limit=10).answered(attempt=1, was_full=True).slots == 10


@given(st.lists(st.booleans(), max_size=60))
def test_the_breaker_opens_after_five_in_a_row_or_half_of_twenty_and_never_else(results):
    breaker = Breaker()
    for count, failed in enumerate(results, 1):
        breaker = breaker.after(failed=failed)
        seen = results[:count]
        wanted = (count >= 5 and all(seen[-5:])) or sum(seen[-20:]) >= 10
        assert breaker.is_open == wanted
        if wanted:
            return


@given(st.lists(st.booleans(), max_size=30))
def test_room_and_failures_in_a_row_make_five(results):
    breaker = Breaker()
    for failed in results:
        breaker = breaker.after(failed=failed)
    in_a_row = len(results) - max((place for place, failed in enumerate(results, 1) if not failed), default=0)

    assert breaker.room == (None if in_a_row == 0 else max(1, 5 - in_a_row))


def test_pauses_double_up_to_twenty_times_the_first_and_a_success_ends_them():
    breaker, pauses = Breaker(recent=(True,) * 5), []
    for _ in range(8):
        breaker = breaker.opened()
        pauses.append(breaker.pause_seconds(30))
        assert not breaker.is_open
        assert breaker.room == 1
        breaker = breaker.after(failed=True)
        assert breaker.is_open

    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]
    well = breaker.opened().after(failed=False)
    assert (well.pauses, well.room, well.is_open) == (0, None, False)


def test_a_calm_breaker_keeps_nothing():
    calm = Breaker()

    assert calm.after(failed=False) is calm
    assert Breaker(recent=(False,) * 19).after(failed=False).recent == ()
