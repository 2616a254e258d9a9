import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import HomeError
from batchverify.store.plan_index import PlanIndex


@pytest.fixture
def index(tmp_path):
    with PlanIndex.open(tmp_path) as index:
        yield index


def key(number):
    return number.to_bytes(16, "big")


def test_the_first_row_of_each_key_is_known(index):
    index.add([(2, key(1)), (3, key(2)), (4, key(1))])
    index.add([(5, key(2)), (6, key(3))])

    assert index.first_rows([key(1), key(2), key(3), key(4)]) == {key(1): 2, key(2): 3, key(3): 6}
    assert (index.rows, index.unique, index.duplicates) == (5, 3, 2)
    assert index.first_rows([]) == {}


def test_marks_are_kept_replaced_and_counted(index):
    index.add(enumerate(map(key, range(4))))
    index.mark({key(0): "ask", key(1): "ask", key(2): "reused", key(9): "ask"})
    index.mark({key(1): "held"})

    assert index.marks([key(number) for number in range(10)]) == {key(0): "ask", key(1): "held", key(2): "reused"}
    assert index.tally() == {"": 1, "ask": 1, "held": 1, "reused": 1}


def test_keys_come_in_batches_in_their_own_order(index):
    index.add((number, key(number * 7 % 25)) for number in range(25))

    assert list(index.batches(10)) == [[key(number) for number in range(*span)] for span in ((0, 10), (10, 20), (20, 25))]


@given(st.lists(st.lists(st.integers(0, 20), max_size=30), max_size=5))
def test_it_agrees_with_a_dictionary(tmp_path_factory, passes):
    first: dict[bytes, int] = {}
    rows = 0
    with PlanIndex.open(tmp_path_factory.getbasetemp()) as index:
        for numbers in passes:
            batch = [(rows + at, key(number)) for at, number in enumerate(numbers)]
            index.add(batch)
            rows += len(batch)
            for row, word in batch:
                first.setdefault(word, row)

        assert index.first_rows([key(number) for number in range(21)]) == first
        assert (index.rows, index.unique) == (rows, len(first))


def test_more_keys_than_one_statement_takes(index):
    index.add((number, key(number)) for number in range(25_000))

    assert len(index.first_rows([key(number) for number in range(1_000)])) == 1_000
    assert index.unique == 25_000


@pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its name on Windows")
def test_it_has_no_name_on_the_disk(index, tmp_path):
    index.add([(1, key(1))])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(HomeError, match=r"A scratch file in '.*none' failed: No such file or directory\. Free space there"):
        PlanIndex.open(tmp_path / "none")


def test_a_failed_write_ends_the_index(index):
    def rows():
        yield 1, key(1)
        yield 2, None

    with pytest.raises(HomeError, match=r"A scratch file in .* failed: .*Nothing was lost"):
        index.add(rows())
    with pytest.raises(HomeError, match="closed database"):
        index.first_rows([key(1)])
