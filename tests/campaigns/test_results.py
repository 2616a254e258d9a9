"""The short form of the results in random workbooks."""

from __future__ import annotations

import openpyxl
import pytest

from batchverify.tables.reader import open_table
from tests.campaigns import results
from tests.campaigns.results import WRITERS, run


@pytest.mark.slow
def test_results_in_random_workbooks_are_valid_and_every_cell_of_the_users_is_as_it_was(tmp_path):
    tried, wrong = run(tmp_path, files=6, seed=1)

    assert wrong == []
    assert tried.keys() == WRITERS.keys()


def test_a_cell_of_the_users_that_changed_is_seen(tmp_path, monkeypatch):
    sound = results.result_of

    def changed(source, target, draw, *, lang):
        path = sound(source, target, draw, lang=lang)
        book = openpyxl.load_workbook(path)
        with open_table(path, temporary=tmp_path) as table:
            book[table.sheet].cell(table.header_row, 1).value = "another"
        book.save(path)
        return path

    monkeypatch.setattr(results, "result_of", changed)

    _, wrong = run(tmp_path, files=1, seed=1)

    assert any("1 cells of the user's are others, the first at A" in fault for fault in wrong)
