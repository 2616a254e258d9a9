import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import HomeError
from batchverify.model import Product, Query
from batchverify.store.plan_index import CONFLICTS, MOST_OF_A_MOBILE, MOST_OF_AN_ID, PlanIndex


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


def a_query(name, id_card, account_no="", mobile=""):
    return Query(product=Product.BANK4, name=name, id_card=id_card, account_no=account_no, mobile=mobile)


def test_rows_that_contradict_each_other_come_in_groups_with_the_first_of_each(index):
    index.add_people([(2, a_query("a", "1", "c")), (3, a_query("b", "2", "d")), (4, a_query("x", "1"))])
    index.add_people([(5, a_query("y", "2")), (6, a_query("a", "1")), (7, a_query("q", "3", "c"))])

    assert list(index.conflicts("id_with_names")) == [(2, 2), (4, 2), (3, 3), (5, 3)]
    assert list(index.conflicts("card_with_ids")) == [(2, 2), (7, 2)]
    assert list(index.conflicts("mobile_with_ids")) == []


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.sampled_from("abcdef"), st.sampled_from("abc")), max_size=40
    )
)
def test_contradictions_are_those_of_a_dictionary(tmp_path_factory, people):
    with PlanIndex.open(tmp_path_factory.getbasetemp()) as index:
        index.add_people((row, a_query(name, id_card, card, mobile)) for row, (name, id_card, card, mobile) in enumerate(people))
        found = {word: list(index.conflicts(word)) for word in CONFLICTS}

    for word, whose, what, most in (
        ("id_with_names", 1, 0, 1),
        ("card_with_ids", 2, 1, 1),
        ("mobile_with_ids", 3, 1, MOST_OF_A_MOBILE),
        ("id_with_cards", 1, 2, MOST_OF_AN_ID),
    ):
        groups = {}
        for row, person in enumerate(people):
            groups.setdefault(person[whose], {}).setdefault(person[what], row)
        expected = [
            (row, min(group.values())) for group in groups.values() if len(group) > most for row in sorted(group.values())
        ]
        assert found[word] == sorted(expected, key=lambda pair: (pair[1], pair[0]))


def test_nothing_of_a_person_lies_in_the_scratch_file(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with PlanIndex.open(tmp_path) as index:
        index.add_people([(2, a_query("王小明", "110101199003070011", "6217000000000000004", "13800000001"))])
    (file,) = tmp_path.glob("plan-*")
    content = file.read_bytes()

    assert len(content) > 4_096
    assert [
        text for text in ("王小明", "110101199003070011", "6217000000000000004", "13800000001") if text.encode() in content
    ] == []


def test_codes_are_of_one_scratch_file_only(tmp_path):
    codes = set()
    for _ in range(3):
        with PlanIndex.open(tmp_path) as index:
            codes.add(index._code("110101199003070011"))

    assert len(codes) == 3
