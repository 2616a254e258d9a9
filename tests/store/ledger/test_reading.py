import sqlite3
from datetime import timedelta

import pytest

from batchverify.errors import InputError
from batchverify.model import AttemptState, Billed
from batchverify.store.ledger import Ledger, reading
from batchverify.store.ledger.chain import commitment
from tests.builders import enter_package


def test_attempts_are_found_for_many_keys_at_once_oldest_first(desk, make):
    wants = [make.want(str(number)) for number in range(600)]
    desk.granted(*wants)

    found = desk.ledger.attempts([want.key for want in wants] + [make.tag("never")])

    assert {key: [attempt.number for attempt in attempts] for key, attempts in found.items()} == {
        want.key: [number] for number, want in enumerate(wants, 1)
    }
    assert desk.ledger.attempts([]) == {}


def test_a_key_asked_again_lists_all_its_attempts(desk, make):
    for _ in range(3):
        (number,) = desk.granted(make.want())
        desk.settle(make.ended(number, AttemptState.NOT_BILLED, "connect"))
    desk.granted(make.want())

    assert [attempt.number for attempt in desk.ledger.attempts([make.want().key])[make.want().key]] == [1, 2, 3, 4]


def test_the_asks_of_a_job_come_in_pages_without_their_answers(desk, make, monkeypatch):
    monkeypatch.setattr(reading, "_PAGE", reading._PAGE.replace("LIMIT 5000", "LIMIT 2"))
    other = desk.start(desk.new_job())
    desk.granted(make.want("elsewhere"), run=other)
    for question in "abc":
        desk.ask(make.want(question))

    attempts = list(desk.ledger.asks_of(desk.job.id))

    assert [(attempt.number, attempt.code, attempt.sealed) for attempt in attempts] == [
        (2, "01", None),
        (3, "01", None),
        (4, "01", None),
    ]
    assert [attempt.number for attempt in desk.ledger.asks_of(other.job)] == [1]


def test_the_bill_adds_up_by_what_it_costs_and_by_ten_minute_windows(desk, make):
    edge = make.START.replace(minute=0, second=1)
    desk.ask(make.want("a"), vendor_at=edge + timedelta(seconds=5))
    desk.ask(make.want("b"), vendor_at=edge + timedelta(seconds=599))
    desk.ask(make.want("c"), vendor_at=edge + timedelta(seconds=601))
    desk.ask(make.want("d"), vendor_at=edge + timedelta(seconds=7), code="204", billed=Billed.NO)
    (number,) = desk.granted(make.want("e"))
    desk.settle(make.ended(number, AttemptState.IN_DOUBT))
    desk.granted(make.want("f"))

    bill = [(row.state.value, row.code, row.billed.value, row.at, row.asks) for row in desk.ledger.bill(desk.job.id)]

    assert bill == [
        ("answered", "01", "1", edge + timedelta(seconds=5), 2),
        ("answered", "204", "0", edge + timedelta(seconds=7), 1),
        ("answered", "01", "1", edge + timedelta(seconds=601), 1),
        ("in_doubt", "timeout", "?", desk.now, 1),
        ("open", "", "?", desk.now, 1),
    ]
    assert desk.ledger.bill("j-none") == []


def test_a_second_on_the_edge_of_a_window_is_a_row_of_its_own(desk, make):
    edge = make.START.replace(minute=10, second=1)
    desk.ask(make.want("a"), vendor_at=edge)
    desk.ask(make.want("b"), vendor_at=edge + timedelta(seconds=1))

    assert [(row.at, row.asks) for row in desk.ledger.bill(desk.job.id)] == [(edge, 1), (edge + timedelta(seconds=1), 1)]


def test_a_chain_tells_what_happened_and_holds(desk, make):
    begun = desk.ledger.head(desk.run.id)
    (number,) = desk.granted(make.want())
    desk.settle(make.answered(number, request_id="R-1"))

    reserved, settled = desk.ledger.audit().events(desk.run.id)

    assert (reserved.transition, reserved.billed) == ("reserved", Billed.UNKNOWN)
    assert (settled.seq, settled.attempt, settled.code, settled.request_id, settled.at) == (2, number, "01", "R-1", desk.now)
    assert begun != settled.hash == desk.ledger.head(desk.run.id)
    assert desk.ledger.audit().verify_chain(desk.run.id)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE event SET billed = '0' WHERE seq = 2",
        "UPDATE event SET request_id = 'R-2' WHERE seq = 2",
        "UPDATE event SET code = '02' WHERE seq = 2",
        "DELETE FROM event WHERE seq = 1",
        "DELETE FROM event WHERE seq = 2",
        "DELETE FROM event",
        "UPDATE run SET head = x'00'",
        "UPDATE run SET started_at = 5",
    ],
)
def test_a_chain_that_was_touched_does_not_hold(desk, make, forgery):
    desk.ask(make.want(), request_id="R-1")
    con = sqlite3.connect(desk.path, isolation_level=None)
    con.executescript(f"DROP TRIGGER event_grows; DROP TRIGGER event_stays; {forgery};")
    con.close()

    assert not desk.ledger.audit().verify_chain(desk.run.id)


def test_an_event_is_tied_to_its_question_and_does_not_name_it(desk, make):
    first, second = desk.ask(make.want()), desk.ask(make.want(), run=desk.start(reuse_days=(-1, -1)))
    con = sqlite3.connect(desk.path)
    nonces = dict(con.execute("SELECT number, nonce FROM attempt"))
    con.close()

    tags = {event.attempt: event.tag for run in desk.ledger.runs(desk.job.id) for event in desk.ledger.audit().events(run.id)}

    assert tags == {number: commitment(nonces[number], make.want().key).hex() for number in (first, second)}
    assert tags[first] != tags[second], "two asks of one question look alike to whoever reads events"


def test_nonces_come_from_whoever_opens_the_ledger(desk, make):
    desk.ledger.close()
    desk.ledger = Ledger.open(desk.path, random=lambda count: bytes(range(count)))
    desk.granted(make.want("a"), make.want("b"))

    con = sqlite3.connect(desk.path)
    assert con.execute("SELECT nonce FROM attempt").fetchall() == [(bytes(range(16)),), (bytes(range(16, 32)),)]
    con.close()


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE attempt SET key = x'00112233445566778899aabbccddeeff' WHERE number = 1",
        "UPDATE attempt SET nonce = x'00112233445566778899aabbccddeeff' WHERE number = 1",
        "UPDATE attempt SET code = '02' WHERE number = 1",
        "UPDATE attempt SET billed = '0' WHERE number = 1",
        "UPDATE attempt SET request_id = 'R-2' WHERE number = 1",
        "UPDATE attempt SET state = 'in_doubt', billed = '?', sealed = NULL WHERE number = 1",
        "DELETE FROM attempt WHERE number = 1",
        (
            "INSERT INTO attempt (number, run, key, id_tag, nonce, product, state, reserved_at, reserved_mono) "
            "VALUES (9, 1, x'09', x'09', x'09', 'id2', 'open', 1, 1)"
        ),
    ],
)
def test_an_attempt_that_was_touched_does_not_fit_its_chain(desk, make, forgery):
    desk.ask(make.want("a"), request_id="R-1")
    free, paid, doubtful, _ = desk.granted(*(make.want(word) for word in "bcde"))
    desk.settle(*make.in_doubt([free, paid, doubtful]))
    desk.ledger.reconcile([free], billed=Billed.NO, now=desk.now, monotonic=desk.monotonic)
    desk.ledger.reconcile([paid], billed=Billed.YES, now=desk.now, monotonic=desk.monotonic)
    desk.granted(make.want("d", release=doubtful))
    assert desk.ledger.audit().misfits(desk.run.id) == []
    con = sqlite3.connect(desk.path, isolation_level=None)
    for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'attempt'").fetchall():
        con.execute(f"DROP TRIGGER {name}")
    con.execute(forgery)
    con.close()

    assert desk.ledger.audit().misfits(desk.run.id) == [9 if "INSERT" in forgery else 1]
    assert desk.ledger.audit().verify_chain(desk.run.id), "the events were not touched"


def test_a_run_that_is_unknown_has_no_head(desk):
    with pytest.raises(InputError, match=r"There is no run 'j-none\.1' in this home"):
        desk.ledger.head("j-none.1")


def test_what_the_vendor_did_not_bill_is_free_to_be_asked_again(desk, make):
    numbers = desk.granted(make.want("a"), make.want("b"), make.want("c"))
    desk.settle(*make.in_doubt(numbers[:2]))
    free, paid, flying = numbers

    def reconcile(billed, *attempts):
        return desk.ledger.reconcile(attempts, billed=billed, now=desk.now, monotonic=desk.monotonic)

    assert reconcile(Billed.NO, free, flying) == [flying]
    assert reconcile(Billed.YES, paid) == []
    assert reconcile(Billed.YES, free, paid) == [free, paid]
    with pytest.raises(ValueError, match="To reconcile is to know"):
        reconcile(Billed.UNKNOWN, paid)

    states = {attempt.number: (attempt.state, attempt.billed, attempt.holds) for attempt in desk.ledger.asks_of(desk.job.id)}
    assert states[free] == (AttemptState.NOT_BILLED, Billed.NO, False)
    assert states[paid] == (AttemptState.IN_DOUBT, Billed.YES, True)
    (run,) = desk.ledger.runs(desk.job.id)
    assert (run.spent, run.reserved) == (1, 1)
    assert desk.ledger.audit().verify_chain(desk.run.id)
    desk.granted(make.want("a"))


def test_the_wallet_counts_from_the_first_package_on(desk, make):
    desk.ask(make.want("before"))
    assert (desk.ledger.wallet(now=desk.now).total, desk.ledger.wallet(now=desk.now).left) == (None, None)

    first = enter_package(desk.ledger, "100", total=100, used=40, now=desk.now)
    desk.ask(make.want("a"))
    desk.granted(make.want("b"))
    second = enter_package(desk.ledger, "10", total=10, now=desk.now, expires_at=desk.now + timedelta(days=1))

    wallet = desk.ledger.wallet(now=desk.now)
    assert (wallet.total, wallet.used, wallet.left) == (110, 42, 68)
    assert [(package.number, package.used) for package in desk.ledger.bought().packages()] == [
        (first.number, 41),
        (second.number, 0),
    ]
    later = desk.ledger.wallet(now=desk.now + timedelta(days=1))
    assert (later.total, later.left) == (100, 58)

    desk.ledger.bought().drop_package(second.number)
    assert [package.number for package in desk.ledger.bought().packages()] == [first.number]


@pytest.mark.parametrize(("total", "used"), [(0, 0), (5, 6), (5, -1)])
def test_a_package_that_cannot_be_is_an_input_error(desk, total, used):
    with pytest.raises(InputError, match=f"A package of {total} asks with {used} used cannot be"):
        enter_package(desk.ledger, "odd", total=total, used=used, now=desk.now)
