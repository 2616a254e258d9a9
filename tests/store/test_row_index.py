import sqlite3
import stat
from contextlib import closing

import pytest

from batchverify.errors import HomeError
from batchverify.store.row_index import RowIndex, RowIndexWriter

STATUSES = ("matched", "matched", "mismatched", "blocked")


@pytest.fixture
def index(tmp_path):
    """An index of 5,000 rows with gaps between their numbers, of which every fourth is mismatched and every fourth blocked."""
    path = tmp_path / "rows.sqlite"
    with RowIndexWriter(path) as writer:
        for place in range(5_000):
            writer.add(2 + place + place // 10, STATUSES[place % 4], {"code": str(place)})
        writer.finish()
    return RowIndex(path=path)


def codes(found):
    return [int(row.facts["code"]) for row in found[1]]


def test_pages_follow_one_another_and_miss_nothing(index):
    seen = []
    for offset in range(0, 5_000, 700):
        total, _ = page = index.page(offset=offset, limit=700)
        assert total == 5_000
        seen += codes(page)

    assert seen == list(range(5_000))
    assert codes(index.page(offset=4_990, limit=50)) == list(range(4_990, 5_000))
    assert index.page(offset=6_000, limit=50) == (5_000, [])


def test_pages_of_a_status_have_its_rows_only(index):
    total, rows = index.page(status="mismatched", offset=1_200, limit=100)

    assert (total, len(rows)) == (1_250, 50)
    assert [int(row.facts["code"]) % 4 for row in rows] == [2] * 50
    assert index.page(status="locked", offset=0, limit=10) == (0, [])
    assert index.counts() == {"matched": 2_500, "mismatched": 1_250, "blocked": 1_250}


def test_a_row_is_found_by_the_number_that_the_spreadsheet_shows(index):
    total, (row,) = index.page(number=2 + 100 + 10, offset=0, limit=50)

    assert (total, row.number, row.status, row.facts) == (1, 112, "matched", {"code": "100"})
    assert index.page(number=112, status="blocked", offset=0, limit=50) == (0, [])
    assert index.page(number=1, offset=0, limit=50) == (0, [])


def test_no_page_is_counted_out_however_far_back_it_lies(index, monkeypatch):
    """Each is found by a step through an index: the plan that SQLite makes has no walk over the table in it."""
    looked = []
    real = RowIndex._fetch

    def planned(self, query, *values):
        with closing(sqlite3.connect(self.path)) as con:
            looked.extend(row[3] for row in con.execute(f"EXPLAIN QUERY PLAN {query}", values))
        return real(self, query, *values)

    monkeypatch.setattr(RowIndex, "_fetch", planned)
    index.page(offset=4_000, limit=50)
    index.page(status="matched", offset=2_000, limit=50)
    index.page(number=77, offset=0, limit=50)
    index.counts()

    assert looked
    # `max(place)` is the last step of a walk that SQLite begins at the end.
    assert [step for step in looked if "SCAN" in step] == []


def test_an_index_takes_the_place_of_an_older_one_when_it_is_whole_and_never_before(index, tmp_path):
    with RowIndexWriter(index.path) as writer:
        writer.add(2, "matched", {"code": "new"})
        assert index.page(offset=0, limit=1)[0] == 5_000
    assert index.page(offset=0, limit=1)[0] == 5_000
    assert [path.name for path in tmp_path.iterdir()] == ["rows.sqlite"]

    with RowIndexWriter(index.path) as writer:
        writer.add(2, "matched", {"code": "new"})
        writer.finish()
    assert index.page(offset=0, limit=9)[1][0].facts == {"code": "new"}
    assert stat.S_IMODE(index.path.stat().st_mode) == 0o600


def test_an_empty_result_has_no_rows(tmp_path):
    index = RowIndex(path=tmp_path / "rows.sqlite")
    assert not index.exists
    with RowIndexWriter(index.path) as writer:
        writer.finish()

    assert index.exists
    assert (index.page(offset=0, limit=50), index.counts()) == ((0, []), {})


def test_an_index_that_cannot_be_read_or_made_is_told(tmp_path):
    (tmp_path / "rows.sqlite").write_bytes(b"no database at all, and long enough to look like one" * 20)
    with pytest.raises(
        HomeError, match=r"The index of rows '.*rows\.sqlite' failed: file is not a database\. Free space there\."
    ):
        RowIndex(path=tmp_path / "rows.sqlite").page(offset=0, limit=5)
    with pytest.raises(HomeError, match=r"failed: .*(unable to open|No such file)"):
        RowIndexWriter(tmp_path / "nowhere" / "rows.sqlite")


def test_two_that_are_made_at_once_do_not_touch_each_other(tmp_path):
    index = RowIndex(path=tmp_path / "rows.sqlite")
    with RowIndexWriter(index.path) as first, RowIndexWriter(index.path) as second:
        for writer, count in ((first, 3), (second, 5)):
            for number in range(count):
                writer.add(number, "matched", {})
        second.finish()
        assert index.page(offset=0, limit=9)[0] == 5
        first.finish()

    assert index.page(offset=0, limit=9)[0] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["rows.sqlite"]
