import sqlite3
from datetime import timedelta

import pytest

from batchverify.errors import HomeError
from batchverify.model import AttemptState, Billed
from batchverify.store.ledger import Busy, Granted, Held, Locked, Spent, Wait
from tests.builders import enter_package

FREEZE = timedelta(hours=12, minutes=10)


def test_a_new_question_is_granted_and_may_leave_for_five_seconds(desk, make):
    (grant,) = desk.reserve(make.want())

    assert grant == Granted(attempt=1, send_before=desk.monotonic + 5.0)
    (attempt,) = desk.ledger.attempts([make.want().key])[make.want().key]
    assert (attempt.state, attempt.holds, attempt.billed, attempt.reserved_at) == (
        AttemptState.OPEN,
        True,
        Billed.UNKNOWN,
        desk.now,
    )
    assert (attempt.job, attempt.run) == (desk.job.id, f"{desk.job.id}.1")


def test_a_question_in_flight_is_busy_and_an_answered_one_is_held(desk, make):
    (number,) = desk.granted(make.want())
    assert desk.reserve(make.want()) == [Busy()]

    desk.settle(make.answered(number, request_id="R-1", vendor_at=desk.now))

    (held,) = desk.reserve(make.want())
    assert isinstance(held, Held)
    attempt = held.attempt
    assert (attempt.number, attempt.code, attempt.billed, attempt.sealed) == (number, "01", Billed.YES, b"sealed")
    assert (attempt.request_id, attempt.vendor_at, attempt.settled_at) == ("R-1", desk.now, desk.now)


def test_duplicates_within_one_batch_are_granted_once_and_in_order(desk, make):
    grants = desk.reserve(make.want("a"), make.want("b"), make.want("a"), make.want("c"))

    assert [type(grant) for grant in grants] == [Granted, Granted, Busy, Granted]


def test_one_id_number_with_many_cards_is_asked_one_at_a_time(desk, make):
    first, second = make.want("a", person="li"), make.want("b", person="li")
    assert [type(grant) for grant in desk.reserve(first, second)] == [Granted, Busy]

    desk.settle(make.answered(1))

    assert [type(grant) for grant in desk.reserve(second)] == [Granted]


def test_one_card_with_many_names_is_asked_one_at_a_time(desk, make):
    first, second = make.want("a", card="621"), make.want("b", card="621")
    assert [type(grant) for grant in desk.reserve(first, second)] == [Granted, Busy]


def test_what_was_not_billed_may_be_asked_again(desk, make):
    (number,) = desk.granted(make.want())
    desk.settle(make.ended(number, AttemptState.NOT_BILLED, "connect"))

    desk.granted(make.want())

    first, second = desk.ledger.attempts([make.want().key])[make.want().key]
    assert (first.state, first.holds, first.billed, first.code) == (AttemptState.NOT_BILLED, False, Billed.NO, "connect")
    assert (second.state, second.holds) == (AttemptState.OPEN, True)


def test_what_is_in_doubt_is_held_until_a_person_releases_that_very_attempt(desk, make):
    (number,) = desk.granted(make.want())
    desk.settle(make.ended(number, AttemptState.IN_DOUBT))

    (held,) = desk.reserve(make.want())
    assert isinstance(held, Held)
    assert held.attempt.state is AttemptState.IN_DOUBT
    assert isinstance(desk.reserve(make.want(release=number + 1))[0], Held)
    assert isinstance(desk.reserve(make.want(release=number))[0], Granted)
    old, new = desk.ledger.attempts([make.want().key])[make.want().key]
    assert (old.state, old.holds, old.billed) == (AttemptState.IN_DOUBT, False, Billed.UNKNOWN)
    assert new.state is AttemptState.OPEN
    assert [event.transition for event in desk.ledger.audit().events(desk.run.id)] == [
        "reserved",
        "in_doubt",
        "released",
        "reserved",
    ]


def test_a_release_waits_while_the_id_number_is_in_flight_elsewhere(desk, make):
    (number,) = desk.granted(make.want("a", person="li"))
    desk.settle(make.ended(number, AttemptState.IN_DOUBT))
    desk.granted(make.want("b", person="li"))

    assert desk.reserve(make.want("a", person="li", release=number)) == [Busy()]
    assert desk.ledger.attempts([make.want("a").key])[make.want("a").key][0].holds


@pytest.mark.parametrize(("code", "days"), [("01", 30), ("02", 1), ("202", 1)])
def test_an_answer_holds_for_its_age_and_not_longer(desk, make, code, days):
    desk.ask(make.want(), code=code)
    desk.pass_time(days * 86_400)
    assert isinstance(desk.reserve(make.want(), run=desk.start())[0], Held)

    desk.pass_time(1)
    again = desk.start()

    assert isinstance(desk.reserve(make.want(), run=again)[0], Granted)
    assert [event.transition for event in desk.ledger.audit().events(again.id)] == ["superseded", "reserved"]


def test_what_was_bought_since_a_run_began_is_fresh_to_it_even_if_the_clock_is_set_back(desk, make):
    fresh, other = desk.start(reuse_days=(0, 0)), desk.start(reuse_days=(0, 0))
    desk.now -= timedelta(days=400)
    desk.ask(make.want(), run=fresh)

    assert isinstance(desk.reserve(make.want(), run=fresh)[0], Held)
    assert isinstance(desk.reserve(make.want(), run=other)[0], Held)


def test_after_a_203_the_id_number_is_locked_for_every_question_and_the_key_is_free(desk, make):
    until = desk.now + FREEZE
    desk.ask(make.want("a", person="li"), code="203", lock_until=until)
    attempt = desk.ledger.attempts([make.want("a").key])[make.want("a").key][0]
    assert (attempt.state, attempt.holds) == (AttemptState.ANSWERED, False)

    other = make.want("b", person="li")
    assert desk.reserve(make.want("a", person="li"), other) == [Locked(code="id_locked", until=until)] * 2
    now = {"now": desk.now, "monotonic": desk.monotonic, "boot": desk.boot, "asks_per_card": 4}
    assert desk.ledger.closed([other.id_tag, make.tag("nobody")], [], **now).ids == {other.id_tag: until}
    holds = desk.ledger.holds(desk.job.id, [other.key, make.tag("nobody")])
    assert {key: (hold.code, hold.until) for key, hold in holds.items()} == {other.key: ("id_locked", until)}

    desk.pass_time(FREEZE.total_seconds())
    desk.granted(other)
    assert desk.ledger.holds(desk.job.id, [other.key]) == {}


def test_a_clock_set_forward_ends_no_lock_and_no_day(desk, make):
    desk.ask(make.want("a", person="li"), code="203", lock_until=desk.now + FREEZE)
    for question in "bcde":
        desk.ask(make.want(question, card="621"))

    desk.now += timedelta(days=400)

    assert desk.reserve(make.want("f", person="li"), make.want("g", card="621")) == [
        Locked(code="id_locked", until=desk.now + FREEZE),
        Locked(code="card_limit", until=desk.now + timedelta(days=1)),
    ]


def test_a_clock_set_back_ends_no_lock_and_no_day(desk, make):
    until, day = desk.now + FREEZE, desk.now + timedelta(days=1)
    desk.ask(make.want("a", person="li"), code="203", lock_until=until)
    for question in "bcde":
        desk.ask(make.want(question, card="621"))

    desk.now -= timedelta(days=3)
    desk.monotonic += 86_399

    assert desk.reserve(make.want("f", person="li"), make.want("g", card="621")) == [
        Locked(code="id_locked", until=until),
        Locked(code="card_limit", until=day),
    ]


def test_after_a_restart_of_the_machine_the_wall_clock_decides(desk, make):
    desk.ask(make.want("a", person="li"), code="203", lock_until=desk.now + FREEZE)
    desk.boot, desk.monotonic = "boot-2", 5.0
    restarted = desk.start()
    assert isinstance(desk.reserve(make.want("b", person="li"), run=restarted)[0], Locked)

    desk.now += FREEZE

    assert isinstance(desk.reserve(make.want("b", person="li"), run=restarted)[0], Granted)


def test_a_card_is_asked_four_times_in_a_day_and_again_when_the_first_is_a_day_old(desk, make):
    for question in "abcd":
        desk.ask(make.want(question, card="621"), code="02")
        desk.pass_time(3600)
    first_free = make.START + timedelta(days=1)

    assert desk.reserve(make.want("e", card="621")) == [Locked(code="card_limit", until=first_free)]
    desk.pass_time((first_free - desk.now).total_seconds())
    desk.granted(make.want("e", card="621"))


def test_asks_that_never_left_do_not_count_against_a_card(desk, make):
    for question in "abcd":
        (number,) = desk.granted(make.want(question, card="621"))
        desk.settle(make.ended(number, AttemptState.NOT_BILLED))

    desk.granted(make.want("e", card="621"))


def test_a_held_answer_is_given_even_when_nothing_may_be_asked(desk, make):
    capped = desk.start(cap_asks=1)
    desk.ask(make.want("a"), run=capped)

    grants = desk.reserve(make.want("a"), make.want("b"), run=capped)

    assert isinstance(grants[0], Held)
    assert grants[1] == Spent(code="budget")


def test_the_cap_is_kept_to_the_ask(desk, make):
    capped = desk.start(cap_asks=3)

    grants = desk.reserve(*(make.want(str(number)) for number in range(5)), run=capped)

    assert [type(grant) for grant in grants] == [Granted] * 3 + [Spent] * 2


def test_a_free_answer_gives_its_room_back_and_a_doubtful_one_does_not(desk, make):
    capped = desk.start(cap_asks=2)
    free, doubtful = desk.granted(make.want("a"), make.want("b"), run=capped)
    desk.settle(make.answered(free, code="204", billed=Billed.NO), make.ended(doubtful, AttemptState.IN_DOUBT))

    assert [type(grant) for grant in desk.reserve(make.want("c"), make.want("d"), run=capped)] == [Granted, Spent]
    (run,) = [run for run in desk.ledger.runs(desk.job.id) if run.id == capped.id]
    assert (run.spent, run.reserved) == (1, 1)


def test_a_refused_duplicate_leaves_its_room_to_the_next(desk, make):
    capped = desk.start(cap_asks=2)

    grants = desk.reserve(make.want("a"), make.want("a"), make.want("b"), make.want("c"), run=capped)

    assert [type(grant) for grant in grants] == [Granted, Busy, Granted, Spent]


def test_an_empty_wallet_stops_every_run(desk, make):
    enter_package(desk.ledger, "5", total=5, used=3, now=desk.now)
    other = desk.start()

    assert [type(grant) for grant in desk.reserve(make.want("a"), run=other)] == [Granted]
    grants = desk.reserve(make.want("b"), make.want("c"))

    assert isinstance(grants[0], Granted)
    assert grants[1] == Spent(code="quota")


def test_a_settlement_frees_the_wallet_within_the_same_transaction(desk, make):
    enter_package(desk.ledger, "1", total=1, now=desk.now)
    (number,) = desk.granted(make.want("a"))

    with desk.ledger.transaction(now=desk.now, monotonic=desk.monotonic) as gate:
        gate.settle([make.ended(number, AttemptState.NOT_BILLED)])
        grants = gate.reserve(desk.run, [make.want("b"), make.want("c")])

    assert [type(grant) for grant in grants] == [Granted, Spent]


def test_the_rate_says_when_the_next_slot_is(desk, make):
    desk.run = desk.start(qps=10)

    grants = desk.reserve(make.want("a"), make.want("b"))

    assert isinstance(grants[0], Granted)
    assert grants[1] == Wait(seconds=pytest.approx(0.11 - 0.02))
    desk.pass_time(0.0901)
    desk.granted(make.want("b"))


def test_the_rate_is_shared_by_all_runs_and_can_be_lowered_for_a_batch(desk, make):
    desk.run, other = desk.start(qps=10), desk.start(qps=10)
    desk.reserve(make.want("a"), qps=1)

    (grant,) = desk.reserve(make.want("b"), run=other)

    assert grant == Wait(seconds=pytest.approx(1.1 - 0.02))


@pytest.mark.parametrize("boot", ["boot-2", "boot-1"])
def test_a_restart_of_the_machine_does_not_stop_the_rate_for_the_age_of_the_last_one(desk, make, boot):
    desk.run = desk.start(qps=10)
    desk.reserve(make.want("a"))
    desk.boot, desk.monotonic = boot, 3.0

    desk.granted(make.want("b"), run=desk.start(qps=10))


def test_a_process_whose_clock_was_read_before_it_waited_does_not_reset_the_rate(desk, make):
    desk.run = desk.start(qps=10)
    desk.reserve(make.want("a"))
    desk.monotonic -= 2.0

    assert desk.reserve(make.want("b")) == [Wait(seconds=pytest.approx(2.0 + 0.11 - 0.02))]


def test_a_settlement_comes_once_and_late_ones_are_reported(desk, make):
    (number,) = desk.granted(make.want())

    assert desk.settle(make.answered(number), make.answered(number, code="02"), make.answered(99)) == [number, 99]
    assert desk.ledger.attempts([make.want().key])[make.want().key][0].code == "01"


def test_settling_by_leaving_open_is_a_bug_that_takes_the_transaction_back(desk, make):
    (number,) = desk.granted(make.want())

    with pytest.raises(ValueError, match="An attempt is not settled by leaving it open"):
        desk.settle(make.ended(number, AttemptState.OPEN))
    assert desk.settle(make.answered(number)) == []


def test_an_exception_in_the_block_takes_every_grant_back(desk, make):
    def reserve_and_fail():
        with desk.ledger.transaction(now=desk.now, monotonic=desk.monotonic) as gate:
            gate.reserve(desk.run, [make.want()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reserve_and_fail()

    assert desk.ledger.attempts([make.want().key]) == {}
    assert desk.ledger.runs(desk.job.id)[0].reserved == 0


def test_an_ended_run_reserves_nothing_more(desk, make):
    desk.pass_time(31)
    desk.recover()

    assert desk.reserve(make.want("a"), make.want("b")) == [Spent(code="lease_lost")] * 2


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE attempt SET state = 'answered' WHERE number = 2", "this transition is not drawn"),
        (
            "UPDATE attempt SET state = 'not_billed', billed = '0', released = number WHERE number = 1",
            "this transition is not drawn",
        ),
        ("UPDATE attempt SET state = 'open', settled_at = NULL WHERE number = 2", "this transition is not drawn"),
        ("UPDATE attempt SET released = 0 WHERE number = 3", "a released key is not taken back"),
        ("UPDATE attempt SET key = x'00' WHERE number = 1", "what was asked does not change"),
        ("UPDATE attempt SET erased_at = 1 WHERE number = 1", "what was asked does not change"),
        ("UPDATE attempt SET nonce = x'00' WHERE number = 1", "what was asked does not change"),
        ("UPDATE attempt SET sealed = NULL WHERE number = 1", "an answer does not change"),
        ("UPDATE attempt SET sealed = x'00' WHERE number = 1", "an answer does not change"),
        ("DELETE FROM run", "a run is not taken away"),
        ("DELETE FROM job", "a job is not taken away"),
        ("DELETE FROM attempt", "attempts are kept"),
        ("UPDATE attempt SET released = number WHERE number = 4", "CHECK constraint failed"),
        ("UPDATE lock SET until = 0", "a lock is not changed"),
        ("DELETE FROM lock", "a lock is not taken away"),
        ("UPDATE event SET code = '02'", "an event is not changed"),
        ("DELETE FROM event", "an event is not taken away"),
        ("UPDATE run SET spent = spent + 100 WHERE cap_asks IS NOT NULL", "CHECK constraint failed"),
        ("UPDATE run SET ended_at = 1 WHERE reserved > 0", "CHECK constraint failed"),
        (
            (
                "INSERT INTO attempt (run, key, id_tag, nonce, product, state, reserved_at, reserved_mono, settled_at, code) "
                "VALUES (1, x'01', x'01', x'01', 'id2', 'answered', 1, 1, 1, '01')"
            ),
            "an attempt begins as open",
        ),
        (
            (
                "INSERT INTO attempt (run, key, id_tag, nonce, product, state, reserved_at, reserved_mono) "
                "SELECT run, key, x'99', x'99', product, 'open', 1, 1 FROM attempt WHERE number = 1"
            ),
            "UNIQUE constraint failed: attempt.key, attempt.released",
        ),
        (
            (
                "INSERT INTO attempt (run, key, id_tag, nonce, product, state, reserved_at, reserved_mono) "
                "SELECT run, x'99', id_tag, x'99', product, 'open', 1, 1 FROM attempt WHERE number = 4"
            ),
            "UNIQUE constraint failed: attempt.id_tag",
        ),
        (
            (
                "INSERT INTO attempt (run, key, id_tag, card_tag, nonce, product, state, reserved_at, reserved_mono) "
                "SELECT run, x'99', x'99', card_tag, x'99', product, 'open', 1, 1 FROM attempt WHERE number = 4"
            ),
            "UNIQUE constraint failed: attempt.card_tag",
        ),
    ],
)
def test_the_database_itself_refuses(desk, make, statement, reason):
    run = desk.start(cap_asks=50)
    answered, doubtful, locked, _ = desk.granted(*(make.want(str(number)) for number in range(4)), run=run)
    desk.settle(
        make.answered(answered),
        make.ended(doubtful, AttemptState.IN_DOUBT),
        make.answered(locked, code="203", lock_until=desk.now + FREEZE),
    )
    con = sqlite3.connect(desk.path, isolation_level=None)
    try:
        with pytest.raises(sqlite3.IntegrityError, match=reason):
            con.execute(statement)
    finally:
        con.close()


def test_an_error_of_the_file_is_sticky(desk, make, tmp_path):
    con = sqlite3.connect(desk.path, isolation_level=None)
    con.execute("ALTER TABLE event RENAME TO lost")
    with pytest.raises(HomeError, match=r"The ledger '.*ledger\.sqlite' failed: no such table.*No further ask leaves"):
        desk.reserve(make.want())
    con.execute("ALTER TABLE lost RENAME TO event")
    con.close()

    with pytest.raises(HomeError, match="No further ask leaves"):
        desk.reserve(make.want())
    with pytest.raises(HomeError, match="No further ask leaves"):
        desk.ledger.jobs()
