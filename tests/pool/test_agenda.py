"""Which question is next: nothing is lost, nothing doubled, no ID and no card twice at once, and memory is bounded."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from batchverify.model import Product, Query
from batchverify.pool import Agenda, Item

SLOTS = 6
QUERY = Query(product=Product.BANK3, name="张三", id_card="1", account_no="2")


def an_item(number, *, person=None, card=None):
    return Item(
        query=QUERY,
        key=number.to_bytes(4, "big"),
        id_tag=b"i%d" % (number if person is None else person),
        card_tag=None if card is None else b"c%d" % card,
    )


def keys(items):
    return [int.from_bytes(item.key, "big") for item in items]


@given(
    people=st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 4), st.booleans()), max_size=25),
    look_ahead=st.integers(1, 8),
    chance=st.randoms(use_true_random=False),
)
def test_every_item_comes_out_once_and_no_tag_is_in_flight_twice(people, look_ahead, chance):
    """Under any order of takes, answers, repeats and put-backs; the reader of the sheet is never far ahead of the asks."""
    read, out, at, tries_left = Counter(), [], 0.0, Counter()

    def sheet():
        for number, (person, card, is_gap) in enumerate(people):
            if is_gap:
                yield None
            read["items"] += 1
            yield an_item(number, person=person, card=card)

    agenda, in_flight, done = Agenda(sheet(), look_ahead=look_ahead), [], []
    while not (agenda.is_empty and not in_flight):
        at += 1
        taken = agenda.take(min(chance.randint(1, 4), SLOTS - len(in_flight)), at=at)
        in_flight += taken
        tags = [tag for item in in_flight for tag in item.tags]
        assert len(tags) == len(set(tags))
        assert read["items"] - len(done) <= look_ahead + SLOTS
        out += keys(taken)
        if in_flight and chance.random() < 0.6:
            item = in_flight.pop(chance.randrange(len(in_flight)))
            way = chance.choice(["done", "defer", "put_back"]) if tries_left[item.key] < 3 else "done"
            tries_left[item.key] += 1
            if way == "defer":
                agenda.defer(item, until=at + chance.randint(0, 5))
            elif way == "put_back":
                agenda.put_back([item])
            else:
                agenda.release(item)
                done.append(item)

    assert sorted(keys(done)) == list(range(len(people)))
    assert not agenda.may_go_on
    assert agenda.next_due is None


def test_the_order_is_the_sheets():
    agenda = Agenda(iter([an_item(1), an_item(2), None, an_item(3)]), look_ahead=10)

    assert keys(agenda.take(10, at=0)) == [1, 2]
    assert keys(agenda.take(10, at=0)) == [3]


def test_a_due_repeat_goes_before_the_sheet_and_not_before_its_instant():
    agenda = Agenda(iter([an_item(1), an_item(2), an_item(3)]), look_ahead=10)
    (first,) = agenda.take(1, at=0)
    agenda.defer(first, until=5)

    assert agenda.next_due == 5
    assert keys(agenda.take(1, at=4.9)) == [2]
    assert keys(agenda.take(1, at=5)) == [1]


def test_what_the_gate_had_no_slot_for_keeps_its_order():
    agenda = Agenda(iter([an_item(number) for number in range(6)]), look_ahead=10)
    taken = agenda.take(4, at=0)
    agenda.put_back(taken[1:])

    assert keys(agenda.take(10, at=0)) == [1, 2, 3, 4, 5]


def test_a_full_agenda_reads_no_further_until_something_is_done():
    sheet = iter([an_item(number, person=0) for number in range(9)])
    agenda = Agenda(sheet, look_ahead=3)

    (first,) = agenda.take(9, at=0)
    assert len(list(sheet)) == 9 - 1 - 3
    assert not agenda.may_go_on
    assert agenda.take(9, at=0) == []
    assert not agenda.is_empty
    agenda.release(first)
    assert agenda.may_go_on
    assert len(agenda.take(9, at=0)) == 1
