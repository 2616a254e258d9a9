from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from batchverify.sandbox.bill import Ask, Bill, digest, question_digest, window_start

BEIJING = timezone(timedelta(hours=8))


def a_bill(*asks):
    """Write asks given as (received_at, billed), a second of the monotonic clock being one of the other."""
    bill = Bill(request_ids="00000000-0000-4000-8000-")
    for number, (at, billed) in enumerate(asks, 1):
        question = digest(f"question {number % 2}")
        bill.write((number, at, at, "bank3", question, digest("id"), digest("card"), 200, "01", billed, ""), billed=billed)
    return bill


def test_the_bill_counts_what_was_asked_and_what_costs():
    bill = a_bill((1.0, True), (2.0, False), (3.0, True))

    assert (bill.total(), bill.billed()) == (3, 2)
    assert bill.per_question() == {digest("question 1").hex(): 2}


def test_an_ask_is_read_back_with_names():
    (ask,) = a_bill((1.0, True)).asks()

    assert ask == Ask(
        number=1,
        received_at=1.0,
        monotonic=1.0,
        product="bank3",
        question=digest("question 1"),
        id_digest=digest("id"),
        card_digest=digest("card"),
        http=200,
        code="01",
        billed=True,
        fault="",
        request_id="00000000-0000-4000-8000-000000000001",
    )


def test_what_was_said_is_counted_by_status_and_code():
    bill = Bill()
    for http, code in [(200, "01"), (200, "01"), (403, "B403MQ"), (400, ""), (0, "")]:
        bill.write((1, 0.0, 0.0, "", b"", b"", b"", http, code, False, ""), billed=False)

    assert bill.by_status() == {"01": 2, "403 B403MQ": 1, "400": 1, "none": 1}


def test_different_questions_have_different_digests():
    one = {"name": "张三", "id_card": "110101199003070011", "account_no": "6217", "mobile": "138"}
    questions = [("bank3", one), ("bank4", one)] + [("bank3", one | {field: f"{value}1"}) for field, value in one.items()]

    assert len({question_digest(product, **fields) for product, fields in questions}) == len(questions)


def test_a_window_goes_from_second_one_to_second_one_in_beijing():
    edge = datetime(2018, 3, 19, 11, 0, 1, tzinfo=BEIJING).timestamp()
    bill = a_bill((edge - 600, True), (edge - 1, True), (edge - 0.5, False), (edge, True), (edge + 1200, True))

    found = [(datetime.fromtimestamp(window.starts_at, BEIJING).strftime("%H:%M:%S"), window.billed) for window in bill.windows()]

    assert found == [("11:20:01", 1), ("11:00:01", 1), ("10:50:01", 2)]
    assert all(window.ends_at - window.starts_at == 600 for window in bill.windows())


@given(st.datetimes(datetime(2018, 1, 1), datetime(2030, 1, 1)))
@settings(max_examples=100)
def test_a_window_starts_where_the_clock_on_the_wall_says(moment):
    moment = moment.replace(tzinfo=BEIJING)
    before = moment - timedelta(seconds=1)
    expected = before.replace(minute=before.minute // 10 * 10, second=1, microsecond=0)

    assert window_start(moment.timestamp()) == expected.timestamp()


# Eighths are exact in binary: with tenths, oracle and bill would round the edge of a second differently.
@given(st.lists(st.integers(0, 48).map(lambda eighths: eighths / 8), max_size=30))
@settings(max_examples=100)
def test_the_busiest_second_is_the_busiest_of_all_seconds(times):
    times.sort()
    bill = a_bill(*((time, True) for time in times))

    assert bill.max_per_second() == max((sum(start <= time < start + 1 for time in times) for start in times), default=0)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["", "x", "y"]), st.booleans()), max_size=20))
@settings(max_examples=100)
def test_most_in_flight_is_known_for_all_for_an_id_and_for_a_card(steps):
    bill, flying = Bill(), Counter()
    most = {"all": 0, "id": 0, "card": 0}

    for identity, card, lands in steps:
        pair = (identity.encode(), card.encode())
        if not lands:
            bill.start(*pair)
            flying[pair] += 1
        elif flying[pair]:
            bill.finish(*pair)
            flying[pair] -= 1
        now = {
            "all": flying.total(),
            "id": max(sum(n for (one, _), n in flying.items() if one == key) for key in (b"a", b"b")),
            "card": max(sum(n for (_, one), n in flying.items() if one == key) for key in (b"x", b"y")),
        }
        most = {kind: max(most[kind], now[kind]) for kind in most}

    assert bill.in_flight() == flying.total()
    assert most == {"all": bill.max_in_flight, "id": bill.max_in_flight_per_id, "card": bill.max_in_flight_per_card}
