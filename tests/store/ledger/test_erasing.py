import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from batchverify.errors import InputError
from batchverify.model import AttemptState, Billed
from batchverify.store.ledger.erasing import OF_JOB, OF_RUN
from batchverify.store.ledger.limits import Instant
from batchverify.store.ledger.rows import micros

DAY = 86_400


def instant(desk):
    return Instant(now=micros(desk.now), boot=desk.boot, monotonic=desk.monotonic)


def limits(desk, answers=30, codes=180, audit=1_095):
    return tuple(desk.now - timedelta(days=days) for days in (answers, codes, audit))


def purge(desk, *ages):
    due = desk.ledger.retention().due(limits(desk, *ages), at=instant(desk))
    erased = desk.ledger.retention().purge(limits(desk, *ages), at=instant(desk))
    counted = {kind: count for kind, count in erased.counts.items() if count}
    return due, erased, counted


def end(desk, run=None, *, finish=True):
    desk.ledger.end_run(run or desk.run, reason="", now=desk.now, monotonic=desk.monotonic)
    if finish:
        desk.ledger.finish_job((run or desk.run).job, at=desk.now)


def query(desk, sql):
    with closing(sqlite3.connect(desk.path)) as con:
        return con.execute(sql).fetchall()


def in_files(desk, needle):
    return [path.name for path in desk.path.parent.iterdir() if path.is_file() and needle in path.read_bytes()]


def test_what_is_younger_than_its_age_stays_and_leaves_no_entry(desk, make):
    desk.ask(make.want())
    end(desk)
    desk.pass_time(30 * DAY - 1)

    due, erased, counted = purge(desk)

    assert (bool(due), bool(erased), counted, erased.first) == (False, False, {}, None)
    assert query(desk, "SELECT count(*) FROM erasing") == [(0,)]
    assert desk.ledger.retention().erasures() == []
    assert desk.ledger.retention().head() == ""
    assert desk.ledger.retention().chain_holds()


def test_an_answer_goes_first_and_its_code_later_and_its_price_never(desk, make):
    number = desk.ask(make.want(), request_id="R-1")
    end(desk)
    bill, head = desk.ledger.bill(desk.job.id), desk.ledger.head(desk.run.id)
    desk.pass_time(30 * DAY)

    due, _, counted = purge(desk)

    assert counted == {"answers": 1} == {kind: count for kind, count in due.counts.items() if count}
    (attempt,) = desk.ledger.attempts([make.want().key])[make.want().key]
    assert (attempt.sealed, attempt.code, attempt.holds) == (None, "01", True)

    desk.pass_time(150 * DAY)
    due, _, counted = purge(desk)

    assert counted == {"codes": 1} == {kind: count for kind, count in due.counts.items() if count}
    assert desk.ledger.attempts([make.want().key]) == {}
    (attempt,) = desk.ledger.asks_of(desk.job.id)
    assert (attempt.number, attempt.state, attempt.billed, attempt.request_id) == (
        number,
        AttemptState.ANSWERED,
        Billed.YES,
        "R-1",
    )
    assert (desk.ledger.bill(desk.job.id), desk.ledger.head(desk.run.id)) == (bill, head)
    assert desk.ledger.audit().verify_chain(desk.run.id)
    assert desk.ledger.audit().misfits(desk.run.id) == []
    assert desk.ledger.damages() == []
    assert desk.ledger.retention().chain_holds()
    assert [entry.number for entry in desk.ledger.retention().erasures()] == [1, 2]


def test_answers_of_an_unfinished_job_and_what_is_in_doubt_stay_until_their_code_goes(desk, make):
    desk.ask(make.want("a"))
    desk.settle(*make.in_doubt(desk.granted(make.want("b"))))
    end(desk, finish=False)
    desk.pass_time(179 * DAY)
    assert purge(desk)[2] == {}

    desk.pass_time(DAY)

    assert purge(desk)[2] == {"answers": 1, "codes": 2}
    assert desk.ledger.job(desk.job.id).closed_at == desk.now
    assert desk.ledger.unfinished_job(desk.job.spec) is None
    assert {attempt.state for attempt in desk.ledger.asks_of(desk.job.id)} == {AttemptState.ANSWERED, AttemptState.IN_DOUBT}


def test_what_was_in_doubt_can_be_reconciled_after_its_code_is_gone(desk, make):
    (number,) = desk.granted(make.want())
    desk.settle(*make.in_doubt([number]))
    end(desk)
    desk.pass_time(180 * DAY)
    purge(desk)

    assert desk.ledger.reconcile([number], billed=Billed.NO, now=desk.now, monotonic=desk.monotonic) == []

    assert desk.ledger.runs(desk.job.id)[0].spent == 0
    assert desk.ledger.audit().verify_chain(desk.run.id)
    assert desk.ledger.audit().misfits(desk.run.id) == []


def test_a_lock_that_has_not_ended_stays_whatever_the_wall_clock_says(desk, make):
    desk.ask(make.want("a"), code="203", lock_until=desk.now + timedelta(hours=12))
    end(desk)
    desk.now += timedelta(days=400)  # set forward: by the monotonic clock no second has passed

    assert purge(desk)[2] == {"answers": 1, "codes": 1}
    desk.pass_time(DAY)
    assert purge(desk)[2] == {"locks": 1}


def test_the_record_of_a_job_goes_after_three_years_and_the_newest_stays(desk, make):
    desk.ask(make.want("a"))
    desk.ask(make.want("b", person="li"), code="203", lock_until=desk.now + timedelta(hours=12))
    desk.reserve(make.want("c", person="li"))
    desk.ledger.record_output(desk.job.id, path="people.verified.csv", sha256="0" * 64, now=desk.now)
    end(desk)
    young = desk.new_job("1" * 64)
    desk.ask(make.want("d"), run=(run := desk.start(young)))
    end(desk, run)
    desk.pass_time(1_095 * DAY)

    due, erased, counted = purge(desk)

    gone = {"answers": 3, "codes": 3, "holds": 1, "locks": 1, "jobs": 1, "runs": 1, "attempts": 2, "events": 4}
    assert counted == gone
    assert {kind: count for kind, count in due.counts.items() if count} == gone
    assert [job.id for job in desk.ledger.jobs()] == [young.id]
    assert desk.ledger.audit().verify_chain(run.id)
    assert desk.ledger.damages() == []
    entries = desk.ledger.retention().erasures()
    assert (erased.first, erased.last) == (1, len(entries))
    assert [bool(entry.gone) for entry in entries] == [False] * (len(entries) - 1) + [True]
    assert desk.ledger.retention().head() == entries[-1].hash
    assert desk.ledger.retention().chain_holds()
    desk.granted(make.want("a"), run=desk.start(young))
    assert query(desk, "SELECT max(number) FROM attempt") == [(4,)], "a number came again"


def test_a_younger_job_that_let_go_of_an_older_ones_key_still_fits_its_chain(desk, make):
    desk.ask(make.want("a"))
    end(desk)
    young = desk.new_job("1" * 64)
    run = desk.start(young, reuse_days=(-1, -1))
    desk.ask(make.want("a"), run=run)
    end(desk, run)
    desk.pass_time(1_095 * DAY)
    assert desk.ledger.audit().misfits(run.id) == []

    assert purge(desk)[2]["attempts"] == 1

    assert [event.transition for event in desk.ledger.audit().events(run.id)] == ["superseded", "reserved", "answered"]
    assert desk.ledger.audit().misfits(run.id) == []
    assert desk.ledger.audit().verify_chain(run.id)


def test_every_table_that_refers_to_a_job_goes_with_it(desk):
    refers = {
        parent: {
            table
            for (table,) in query(desk, "SELECT name FROM sqlite_master WHERE type = 'table'")
            for _, _, to, *_ in query(desk, f"PRAGMA foreign_key_list({table})")
            if to == parent
        }
        for parent in ("job", "run", "attempt")
    }

    assert refers == {"job": set(OF_JOB), "run": set(OF_RUN), "attempt": set()}


def test_many_go_in_pieces_that_one_chain_records(desk, make, monkeypatch):
    from batchverify.store.ledger import erasing

    for name in ("_OLD_ANSWERS", "_OLD_CODES"):
        monkeypatch.setattr(erasing, name, getattr(erasing, name).replace("LIMIT 5000", "LIMIT 10"))
    for number in range(25):
        desk.ask(make.want(str(number)))
    end(desk)
    desk.pass_time(200 * DAY)

    _, erased, counted = purge(desk)

    assert counted == {"answers": 25, "codes": 25}
    assert (erased.first, erased.last) == (1, 6)
    assert desk.ledger.retention().chain_holds()


def test_nothing_is_erased_while_a_run_is_going_on(desk, make):
    desk.ask(make.want())
    desk.pass_time(200 * DAY)

    with pytest.raises(InputError, match=r"The run j-.*\.1 is going on\. Erase when it has ended; nothing was erased\."):
        purge(desk)
    with pytest.raises(InputError, match="is going on"):
        desk.ledger.retention().forget([make.want().id_tag], [], rows={}, close=[], at=instant(desk))

    assert query(desk, "SELECT count(*) FROM attempt WHERE sealed IS NULL OR erased_at IS NOT NULL") == [(0,)]


def test_a_person_is_forgotten_by_id_number_and_nobody_else_is(desk, make):
    desk.ask(make.want("a", person="li", card="621"))
    desk.ask(make.want("b", person="li", card="622"), code="203", lock_until=desk.now + timedelta(hours=12))
    desk.reserve(make.want("c", person="li"))
    desk.ask(make.want("d", person="wang", card="621"))
    end(desk)
    bill = desk.ledger.bill(desk.job.id)
    book = desk.ledger.retention()
    li, wang = make.want("a", person="li", card="621"), make.want("d", person="wang", card="621")

    found = book.subject([li.id_tag], [])
    erased = book.forget([li.id_tag], [], rows={desk.job.id: {2: Billed.YES, 3: Billed.NO}}, close=[], at=instant(desk))

    assert (found.attempts, len(found.keys), found.jobs) == ((1, 2), 3, (desk.job.id,))
    assert found.locked_until == desk.now + timedelta(hours=12)
    assert {kind: count for kind, count in erased.counts.items() if count} == {"answers": 2, "codes": 2, "holds": 1}
    assert book.subject([li.id_tag], []).attempts == ()
    assert book.subject([], [wang.card_tag]).attempts == (3,)
    assert book.forgotten_rows(desk.job.id) == {2: Billed.YES, 3: Billed.NO}
    assert book.has_forgotten()
    assert desk.ledger.bill(desk.job.id) == bill
    assert desk.ledger.audit().verify_chain(desk.run.id)
    assert desk.ledger.audit().misfits(desk.run.id) == []
    assert desk.ledger.job(desk.job.id).closed_at is None

    again = desk.start(desk.new_job("1" * 64))
    assert desk.reserve(make.want("new", person="li"), run=again)[0].code == "id_locked", "the lock protects them still"
    end(desk, again)
    desk.pass_time(DAY)
    assert purge(desk)[2] == {"locks": 1}


def test_a_person_is_forgotten_by_card_and_an_unreadable_job_is_closed(desk, make):
    desk.ask(make.want("a", card="621"))
    end(desk)

    desk.ledger.retention().forget([], [make.want("a", card="621").card_tag], rows={}, close=[desk.job.id], at=instant(desk))

    assert desk.ledger.attempts([make.want("a").key]) == {}
    assert desk.ledger.job(desk.job.id).closed_at == desk.now


def test_forgetting_somebody_unknown_is_on_record_too(desk, make):
    end(desk)

    erased = desk.ledger.retention().forget([make.tag("nobody")], [], rows={}, close=[], at=instant(desk))

    assert not erased
    (entry,) = desk.ledger.retention().erasures()
    assert (entry.kind, entry.at, entry.number) == ("forget", desk.now, erased.last)
    assert not desk.ledger.retention().has_forgotten()


def test_no_byte_of_what_was_erased_is_left_in_any_file(desk, make):
    wants = [make.want(str(number)) for number in range(200)]
    numbers = desk.granted(*wants)
    sealed = [make.tag(f"answer {number}") * 3 for number in numbers]
    desk.settle(
        *(
            make.answered(number).__class__(
                attempt=number, state=AttemptState.ANSWERED, code="01", request_id=f"R-{number}", sealed=secret
            )
            for number, secret in zip(numbers, sealed, strict=True)
        )
    )
    end(desk)
    nonces = [nonce for (nonce,) in query(desk, "SELECT nonce FROM attempt WHERE number <= 100 ORDER BY number")]
    secrets = [*(want.key for want in wants[:100]), *(want.id_tag for want in wants[:100]), *sealed[:100], *nonces]
    secrets += [want.card_tag for want in wants[:100]]
    assert all(in_files(desk, secret) for secret in secrets)

    book = desk.ledger.retention()
    book.forget([want.id_tag for want in wants[:100]], [], rows={}, close=[], at=instant(desk))
    assert book.scrub()

    assert [secret for secret in secrets if in_files(desk, secret)] == []
    assert len(in_files(desk, sealed[150])) == 1, "somebody else's answer went, too"
    assert len(desk.ledger.attempts([want.key for want in wants])) == 100


def test_a_reader_in_the_way_is_told(desk, make, monkeypatch):
    desk.ask(make.want())
    desk.ledger._writer.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM attempt").fetchone()
        assert not desk.ledger.retention().scrub()
        reader.execute("ROLLBACK")
    assert desk.ledger.retention().scrub()

    with closing(sqlite3.connect(desk.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert not desk.ledger.retention().scrub()


PERMISSION = "INSERT INTO erasing VALUES (1, 'purge', {now}, '', 0, {now}, {now}, {now} - 94608000000000)"
ENTRY = "INSERT INTO erasure VALUES (1, 1, 'purge', '{{}}', x'', x'')"


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ((PERMISSION,), "FOREIGN KEY constraint failed"),
        ((PERMISSION.replace("(1,", "(2,"),), "an erasure follows the last one"),
        ((PERMISSION.replace(" - 94608000000000", " - 94607999999999"),), "CHECK constraint failed"),
        ((PERMISSION.replace("'purge', {now}", "'purge', {now} - 1"),), "CHECK constraint failed"),
        ((PERMISSION, ENTRY, "UPDATE attempt SET sealed = NULL"), "an answer does not change"),
        ((PERMISSION, ENTRY, "DELETE FROM erasing"), "an erasure is not taken away"),
        ((PERMISSION, ENTRY, "UPDATE erasing SET at = 1"), "an erasure is not changed"),
        ((PERMISSION, ENTRY, "DELETE FROM erasure"), "an erasure is not taken away"),
        ((PERMISSION, ENTRY, "UPDATE erasure SET at = 2"), "an erasure is not changed"),
        ((PERMISSION, "UPDATE attempt SET sealed = x'00' WHERE number = 1"), "an answer does not change"),
        ((PERMISSION, "UPDATE attempt SET key = x'' WHERE number = 1"), "what was asked does not change"),
        ((PERMISSION, "UPDATE attempt SET erased_at = 1, nonce = NULL WHERE number = 1"), "CHECK constraint failed"),
        ((PERMISSION, "UPDATE attempt SET erased_at = 1, key = x'' WHERE number = 2"), "what was asked does not change"),
        ((PERMISSION, "DELETE FROM attempt"), "attempts are kept"),
        ((PERMISSION, "DELETE FROM event"), "an event is not taken away"),
        ((PERMISSION, "DELETE FROM run"), "a run is not taken away"),
        ((PERMISSION, "DELETE FROM job"), "a job is not taken away"),
        ((PERMISSION, "DELETE FROM lock"), "a lock is not taken away"),
    ],
)
def test_the_database_itself_refuses_to_erase_more_than_was_permitted(desk, make, statements, reason):
    desk.ask(make.want("a"), code="203", lock_until=desk.now + timedelta(hours=12))
    desk.granted(make.want("b"))
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as con:
        con.execute("PRAGMA foreign_keys = ON")
        script = ";".join(("BEGIN", *statements, "COMMIT")).format(now=micros(desk.now))
        with pytest.raises(sqlite3.IntegrityError, match=reason):
            con.executescript(script)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE erasure SET counts = '{}' WHERE number = 1",
        "UPDATE erasure SET at = 1 WHERE number = 2",
        "DELETE FROM erasure WHERE number = 1",
        "DELETE FROM erasure WHERE number = 2",
        "UPDATE erasure SET kind = 'purge'",
    ],
)
def test_a_chain_of_erasures_that_was_touched_does_not_hold(desk, make, forgery):
    end(desk)
    for word in "ab":
        desk.ledger.retention().forget([make.tag(word)], [], rows={}, close=[], at=instant(desk))
    assert desk.ledger.retention().chain_holds()
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as con:
        con.executescript("DROP TRIGGER erasure_grows; DROP TRIGGER erasure_stays;")
        con.execute(forgery)

    assert not desk.ledger.retention().chain_holds()
