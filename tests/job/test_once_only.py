"""Each different question is paid once: the sandbox's bill is the referee."""

import random

from tests.builders import a_row, rows
from tests.faults import Danger, proves

_FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９x")


def a_thousand_rows_with_400_questions():
    people = [*rows(400), *(a_row(1 + number % 400) for number in range(600))]
    random.Random(7).shuffle(people)
    return people


@proves(Danger.DUPLICATES_ACROSS)
def test_a_thousand_rows_with_400_questions_cost_400_and_then_nothing(desk, sandbox):
    people = a_thousand_rows_with_400_questions()
    path = desk.sheet(people)

    first = desk.verify(path)

    assert sandbox.bill.total() == 400
    assert set(sandbox.bill.per_question().values()) == {1}
    assert first.json["ending"] == "complete"
    assert first.json["rows"] == {"total": 1000, "unique": 400, "duplicate": 600, "reused": 0, "blocked": 0}
    assert first.statuses == ["matched"] * 1000

    again = desk.verify(path)

    assert sandbox.bill.total() == 400
    assert again.job != first.job
    assert again.json["rows"]["reused"] == 400

    random.Random(8).shuffle(people)
    written_otherwise = [
        person | {"idCard": person["idCard"].translate(_FULL_WIDTH), "accountNo": f" {person['accountNo']}"} for person in people
    ]
    other = desk.verify(written_otherwise)

    assert sandbox.bill.total() == 400
    assert other.job not in {first.job, again.job}
    assert other.json["rows"] == {"total": 1000, "unique": 400, "duplicate": 600, "reused": 400, "blocked": 0}
    assert other.json["asks"]["sent"] == 0
    assert set(other.column("bv_source")) == {"reused-simulated", "duplicate-simulated"}


@proves(Danger.DUPLICATES_WRITTEN)
def test_the_same_person_written_differently_is_asked_once(verify, sandbox):
    person = next(row for row in (a_row(number) for number in range(100)) if row["idCard"].endswith("X"))
    twin = person | {"idCard": f" {person['idCard'].translate(_FULL_WIDTH)}"}

    result = verify([person, twin])

    assert sandbox.bill.total() == 1
    assert result.statuses == ["matched", "matched"]
    assert result.column("bv_duplicate_of") == ["", "2"]
    assert result.column("bv_billed") == ["1", "0"]
