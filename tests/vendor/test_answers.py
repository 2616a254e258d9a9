import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchverify.errors import AskError, EchoMismatch, InDoubt
from batchverify.model import Answer, Product, Query
from batchverify.rules.verdicts import KNOWN_STATUSES
from batchverify.vendor.answers import DETAIL_FIELDS, parse_answer
from tests.threats import guards

ID_CARD = "11010119900101001X"
CARD = "6217000000000000007"
ASKED = Query(product=Product.BANK3, name="测试甲", id_card=ID_CARD, account_no=CARD)
ECHO = {"idCard": ID_CARD, "accountNo": CARD, "name": "测试甲"}
DETAILS = dict(
    zip(
        DETAIL_FIELDS,
        ["中国建设银行", "龙卡通", "借记卡", "男", "北京市东城区", "北京市", "北京市", "东城区", "1990-01-01", "110101", "X"],
        strict=True,
    ),
)
MATCH = {"status": "01", "msg": "验证通过", **ECHO, **DETAILS}


def body(fields, **changes):
    return json.dumps({**fields, **changes}, ensure_ascii=False).encode()


def parse(raw, query=ASKED):
    return parse_answer(raw, query=query, request_id="R-1")


def test_a_match_keeps_status_message_and_all_details():
    assert parse(body(MATCH)) == Answer(status="01", message="验证通过", details=DETAILS)


def test_a_mismatch_has_no_empty_details():
    raw = body({"status": "02", "msg": "验证不通过", **ECHO, **dict.fromkeys(DETAIL_FIELDS, "")})

    assert parse(raw) == Answer(status="02", message="验证不通过", details={})


def test_everything_but_the_status_is_optional():
    assert parse(b'{"status":"202"}') == Answer(status="202", message="", details={})


def test_the_mobile_echo_and_the_trace_are_not_depended_on():
    answer = parse(body(MATCH, mobile=13800000001, traceId=["x"], more={"a": None}))

    assert answer.details == DETAILS


@pytest.mark.parametrize(("product", "status"), [(p, s) for p in Product for s in KNOWN_STATUSES[p] if s != "9999"])
def test_every_status_of_a_products_table_is_an_answer(product, status):
    asked = Query(product=product, name="测试甲", id_card=ID_CARD)

    assert parse(body({"status": status, "name": "测试甲"}), asked).status == status


def test_a_status_of_another_products_table_is_no_answer():
    with pytest.raises(InDoubt) as caught:
        parse(body(MATCH, status="07"))

    assert caught.value.code == "unknown_status"


NO_JSON = {
    "empty": b"",
    "html": b" <html><body>Service Unavailable</body></html>",
    "text": b"OK",
    "list": b'[{"status":"01"}]',
    "string": b'"01"',
    "null": b"null",
    "two objects": b'{"status":"01"}{"status":"01"}',
    "cut": body(MATCH)[:-1],
    "duplicate status": b'{"status":"01","status":"02"}',
    "duplicate echo": f'{{"status":"01","name":"李四","name":"{ASKED.name}"}}'.encode(),
    "duplicate deep": b'{"status":"01","more":{"a":1,"a":2}}',
    "nan": b'{"status":"01","score":NaN}',
    "infinity": b'{"status":"01","score":-Infinity}',
    "gbk": json.dumps(MATCH, ensure_ascii=False).encode("gbk"),
    "byte order mark": b"\xef\xbb\xbf" + body(MATCH),
    "lone surrogate": b'{"status":"01","msg":"\\ud800"}',
    "lone surrogate in a name of a field": b'{"status":"01","\\udfff":"x"}',
    "too deep": b'{"status":"01","more":' + b"[" * 60000 + b"]" * 60000 + b"}",
    "endless number": b'{"status":"01","more":' + b"9" * 60000 + b"}",
    "single quotes": b"{'status':'01'}",
    "no status": b"{}",
    "number for status": b'{"status":1}',
    "null for status": b'{"status":null}',
    "number for message": b'{"status":"01","msg":1}',
    "number for a detail": b'{"status":"01","addrCode":110101}',
    "null for a detail": b'{"status":"01","bank":null}',
    "number for an echo": f'{{"status":"01","accountNo":{CARD}}}'.encode(),
    "object for an echo": b'{"status":"01","name":{}}',
}


@pytest.mark.parametrize("name", NO_JSON)
def test_a_body_that_is_no_strict_object_is_in_doubt(name, leaks_nothing):
    with pytest.raises(InDoubt) as caught:
        parse(NO_JSON[name])

    assert type(caught.value) is InDoubt
    assert (caught.value.code, caught.value.request_id) == ("html" if name == "html" else "not_json", "R-1")
    assert str(caught.value).endswith("The ask may have been billed; compare the vendor's usage.")
    # The JSON reader's own error holds the whole body: it must not hang on to ours.
    assert caught.value.__context__ is None
    leaks_nothing(caught.value)


def test_escaped_han_is_read_as_what_it_is():
    assert parse(json.dumps(MATCH).encode()) == parse(body(MATCH))


@guards("hostile-answers")
@pytest.mark.parametrize(
    "change",
    [{"idCard": "11010119900101002X"}, {"idCard": ID_CARD.lower()}, {"accountNo": CARD[:-1]}, {"name": "测试 甲"}, {"name": ""}],
)
@pytest.mark.parametrize("status", ["01", "02", "203", "9999", "777"])
def test_an_echo_that_differs_belongs_to_nobody_whatever_the_status(change, status):
    with pytest.raises(EchoMismatch) as caught:
        parse(body(MATCH, status=status, **change))

    assert (caught.value.code, caught.value.request_id) == ("bad_echo", "R-1")
    assert str(caught.value) == (
        "The answer speaks of another person or card than was asked about. It is attached to no row, and the run stops. "
        "The ask may have been billed; report the request id to the vendor."
    )


def test_an_id2_answer_with_a_card_number_is_not_ours():
    with pytest.raises(EchoMismatch):
        parse(body({"status": "01", **ECHO}), Query(product=Product.ID2, name="测试甲", id_card=ID_CARD))


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ("9999", "service_error", "The vendor's service failed (status 9999)"),
        ("777", "unknown_status", "The vendor's status 777 is not known"),
        ("1", "unknown_status", "The vendor's status 1 is not known"),
        ("", "unknown_status", "The vendor's status (not shown) is not known"),
        (" 01", "unknown_status", "The vendor's status (not shown) is not known"),
        (ID_CARD, "unknown_status", "The vendor's status (not shown) is not known"),
    ],
)
def test_a_status_that_is_no_answer_is_in_doubt(status, code, message):
    with pytest.raises(InDoubt) as caught:
        parse(body(MATCH, status=status))

    assert caught.value.code == code
    assert str(caught.value) == f"{message}. The ask may have been billed; compare the vendor's usage."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


# The first text of a fresh checkout waits a second for a table of Unicode, which is no fault of the test.
@guards("hostile-answers")
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["status", "msg", *ECHO, *DETAIL_FIELDS, "traceId"]), json_values | st.sampled_from(["01", "02", CARD])
    )
)
def test_whatever_object_comes_it_is_an_answer_to_what_was_asked_or_an_error_of_ours(fields):
    try:
        answer = parse(json.dumps(fields).encode())
    except AskError:
        return

    assert answer.status == fields["status"]
    assert answer.status in KNOWN_STATUSES[Product.BANK3]
    assert all(fields.get(name, value) == value for name, value in ECHO.items())
    assert answer.details == {name: fields[name] for name in DETAIL_FIELDS if fields.get(name)}


@guards("hostile-answers")
@settings(max_examples=150)
@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda noise: body(MATCH)[:40] + noise))
def test_noise_is_never_an_answer(raw):
    with pytest.raises(InDoubt):
        parse(raw)
