"""A sheet without a header: its first person must be neither lost nor shown."""

import csv

import pytest

from batchverify.errors import InputError
from batchverify.job import Options, Reading
from batchverify.model import Field
from tests.builders import rows

FIELDS = (Field.NAME, Field.ID_CARD, Field.ACCOUNT_NO)


def headless(desk, count):
    people = rows(count)
    path = desk.folder / "headless.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([person[one] for one in FIELDS] for person in people)
    return path, people


@pytest.mark.parametrize("header_row", [None, 1, 2])
def test_the_first_person_is_not_taken_for_a_header_where_the_columns_are_named(desk, sandbox, header_row):
    path, people = headless(desk, 3)
    reading = Reading(mapping=dict(zip(FIELDS, "ABC", strict=True)), header_row=header_row)

    with pytest.raises(InputError, match="was taken for the header, and it holds a person, who would be left out") as caught:
        desk.verify(path, options=Options(reading=reading))

    assert sandbox.bill.total() == 0
    assert not any(cell in str(caught.value) for person in people for cell in person.values())


def test_without_named_columns_the_refusal_shows_nobody(desk):
    path, people = headless(desk, 3)

    with pytest.raises(InputError, match="None of its first rows reads like a header") as caught:
        desk.verify(path)

    assert not any(cell in str(caught.value) for person in people for cell in person.values())


def test_a_header_that_is_a_number_of_another_kind_is_a_header(desk):
    path = desk.folder / "numbers.csv"
    (person,) = rows(1)
    path.write_text(f"1,2,3\n{person['name']},{person['idCard']},{person['accountNo']}\n", encoding="utf-8")
    reading = Reading(mapping=dict(zip(FIELDS, "123", strict=True)), header_row=1)

    assert desk.verify(path, options=Options(reading=reading)).counts() == {"matched": 1}
