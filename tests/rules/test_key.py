"""Equal questions have one encoding, different ones never share one."""

from hypothesis import given
from hypothesis import strategies as st

from batchverify.model import Product, Query
from batchverify.rules.key import key_material

short = st.text(st.sampled_from("01X张\x00\x01\x04"), max_size=4)
queries = st.builds(Query, product=st.sampled_from(Product), name=short, id_card=short, account_no=short, mobile=short)


def facts(query):
    return (query.product, query.name, query.id_card, query.account_no, query.mobile)


@given(one=queries, other=queries)
def test_encodings_are_equal_exactly_when_the_fields_are(one, other):
    assert (key_material(one) == key_material(other)) == (facts(one) == facts(other))


@given(query=queries)
def test_the_fields_can_be_read_back_so_no_two_share_an_encoding(query):
    rest = key_material(query).removeprefix(b"batchverify query 1")
    parts = []
    while rest:
        size = int.from_bytes(rest[:4], "big")
        parts.append(rest[4 : 4 + size].decode())
        rest = rest[4 + size :]

    assert tuple(parts) == facts(query)


def test_a_shift_of_characters_between_fields_is_another_question():
    one = Query(product=Product.BANK3, name="张", id_card="三1", account_no="2")
    other = Query(product=Product.BANK3, name="张三", id_card="1", account_no="2")

    assert key_material(one) != key_material(other)


def test_notes_and_warnings_do_not_make_another_question():
    clean = Query(product=Product.ID2, name="张三", id_card="1")
    noted = Query(product=Product.ID2, name="张三", id_card="1", notes=("name:spaces",), warnings=("idCard:region",))

    assert key_material(clean) == key_material(noted)


def test_the_encoding_is_the_one_of_every_ledger_so_far():
    """If this fails, every question ever answered would be bought again."""
    query = Query(product=Product.BANK3, name="张三", id_card="1", account_no="2")

    assert key_material(query).hex() == (
        "626174636876657269667920717565727920310000000562616e6b3300000006e5bca0e4b8890000000131000000013200000000"
    )


def test_a_lone_surrogate_is_encoded_and_not_named_in_an_exception():
    one = Query(product=Product.ID2, name="张\ud842", id_card="1")
    other = Query(product=Product.ID2, name="张\ud843", id_card="1")

    assert key_material(one) != key_material(other)
