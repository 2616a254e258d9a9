"""The short form of the corpus, and that whoever compares sees what differs."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.campaigns.corpus import misread, read_charsets, read_columns, read_files, read_numbers, sheet_of
from tests.campaigns.writers import CSV_FORMS, WRITERS


@pytest.mark.slow
def test_a_sheet_of_every_writer_form_and_damage_is_read_as_it_was_written(tmp_path):
    seen = read_files(tmp_path, files=7 * (len(WRITERS) + len(CSV_FORMS)), seed=4)

    assert seen.wrong == []
    assert seen.files.total() >= 120
    assert seen.files.keys() >= {*WRITERS, *CSV_FORMS}


@pytest.mark.slow
def test_no_file_of_any_charset_is_read_in_another(tmp_path):
    seen = read_charsets(tmp_path, files=1_000, seed=4)

    assert seen.wrong == []
    assert seen.files.total() == 1_000


@pytest.mark.slow
def test_no_damaged_number_of_a_workbook_is_sent_and_no_sound_one_blocked(tmp_path):
    assert read_numbers(tmp_path, numbers=4_000, seed=4) == (0, 0)


@pytest.mark.slow
def test_no_number_that_a_column_of_parquet_has_lost_is_sent_and_no_sound_one_blocked(tmp_path):
    assert read_columns(tmp_path, numbers=1_000, seed=4) == (0, 0)


def test_the_comparison_sees_another_person_another_reason_and_a_changed_neighbor(tmp_path):
    lines, people = sheet_of(random.Random(1), typed=True, rare=True)
    path = tmp_path / "people.xlsx"
    WRITERS["xlsxwriter"].write(path, lines)
    assert list(misread(path, people, temporary=tmp_path)) == []

    sent = next(at for at, person in enumerate(people) if person.sent)
    blocked = next(at for at, person in enumerate(people) if person.blocked)
    people[sent] = replace(people[sent], sent=("张三", "", ""))
    people[blocked] = replace(people[blocked], blocked="minor")
    people[-1] = replace(people[-1], cells=("0", *people[-1].cells[1:]))

    faults = [fault.partition(": ")[2] for fault in misread(path, people, temporary=tmp_path)]
    assert [fault.partition(" (")[0].partition(" as ")[0] for fault in faults] == [
        "another person is sent than was written",
        "blocked",
        "a cell beside the person changed.",
    ]
    assert len(list(misread(path, people[1:], temporary=tmp_path))) == 1
