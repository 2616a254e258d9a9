from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import AccountOverdue, AskError, BadRequest, InDoubt, KeyRejected, QuotaExhausted, Refused, Throttled
from batchverify.vendor.gateway import http_date, refusal, request_id_of

REQUEST_ID = "0B0C6A5E-0000-4000-8000-000000000001"

# VENDOR §4, row by row; old styles come without a code.
TABLE = [
    (400, "A400AC", "Invalid AppCode `not exists`", KeyRejected, "app_code"),
    (401, "A401AC", "", KeyRejected, "app_code"),
    (401, "", "Invalid AppCode `not exists`", KeyRejected, "app_code"),
    (400, "I404NF", "Invalid Url", BadRequest, "bad_request"),
    (404, "I404NF", "API not found `x`", BadRequest, "bad_request"),
    (404, "", "API not found", BadRequest, "bad_request"),
    (400, "", "Invalid Url", BadRequest, "bad_request"),
    (400, "", "Invalid Param Location", BadRequest, "bad_request"),
    (403, "I403AA", "Unauthorized", KeyRejected, "app_code"),
    (403, "", "Unauthorized", KeyRejected, "app_code"),
    (403, "B403MQ", "Api Market Subscription quota exhausted", QuotaExhausted, "quota"),
    (403, "b403mq", "", QuotaExhausted, "quota"),
    (403, "", "API MARKET SUBSCRIPTION QUOTA EXHAUSTED", QuotaExhausted, "quota"),
    (403, "", "Quota Exhausted", QuotaExhausted, "quota"),
    (403, "X999XX", "Quota Exhausted", QuotaExhausted, "quota"),
    (403, "B403ME", "Api Market Subscription expired", QuotaExhausted, "quota_expired"),
    (403, "", "Quota Expired", QuotaExhausted, "quota_expired"),
    (403, "B403OD", "Provider Account Overdue", AccountOverdue, "overdue"),
    (403, "B403MO", "", AccountOverdue, "overdue"),
    (403, "", "User Arrears", AccountOverdue, "overdue"),
    (403, "", "Throttled by USER Flow Control", Throttled, "throttled"),
    (403, "T429UT", "", Throttled, "throttled"),
    (429, "T429ID", "Throttled by APP Flow Control", Throttled, "throttled"),
    (429, "", "", Throttled, "throttled"),
    (500, "X500ER", "Internal Error", InDoubt, "server_error"),
    (500, "", "Failed To Invoke Backend Service", InDoubt, "server_error"),
    (502, "D502FC", "", InDoubt, "server_error"),
    (502, "N502RE", "", InDoubt, "server_error"),
    (503, "D503BB", "Service Unavailable", Throttled, "unavailable"),
    (503, "X503BZ", "", Throttled, "unavailable"),
    (503, "D503CB", "", Throttled, "unavailable"),
    (503, "", "Service Unavailable", InDoubt, "server_error"),
    (504, "D504TO", "Backend service request timeout", InDoubt, "gateway_timeout"),
    (504, "", "", InDoubt, "gateway_timeout"),
    (500, "", "Throttled by USER Flow Control", InDoubt, "server_error"),
    (301, "", "", InDoubt, "redirect"),
    (302, "B403MQ", "Quota Exhausted", InDoubt, "redirect"),
    (204, "", "", InDoubt, "server_error"),
    (418, "Z418ZZ", "", Refused, "bad_request"),
    (418, "", "OK", InDoubt, "server_error"),
    (408, "", "", InDoubt, "server_error"),
]


def headers(code="", message="", **more):
    return {"x-ca-error-code": code, "x-ca-error-message": message, "x-ca-request-id": REQUEST_ID, **more}


@pytest.mark.parametrize(("http_status", "code", "message", "kind", "shown"), TABLE)
def test_a_refusal_is_sorted_by_what_it_means_for_the_bill(http_status, code, message, kind, shown):
    error = refusal(http_status, headers(code, message))

    assert (type(error), error.code, error.request_id) == (kind, shown, REQUEST_ID)


def test_a_used_up_package_as_dumped_in_the_wild_is_told_with_its_remedy():
    error = refusal(403, headers("B403MQ", "Api Market Subscription quota exhausted"))

    assert str(error) == (
        "The package is used up. Buy another one or top it up, then resume (HTTP 403, B403MQ). This ask was not billed."
    )


def test_the_gateways_own_message_is_never_repeated_since_it_holds_the_appcode():
    assert "test-appcode" not in str(refusal(400, headers("A400AC", "Invalid AppCode `test-appcode`")))


def test_a_code_of_another_shape_is_not_repeated_but_counts_as_the_gateways():
    error = refusal(403, headers("张三 11010119900101001X"))

    assert type(error) is Refused
    assert str(error) == (
        "The gateway refused the ask for a reason this version does not know (HTTP 403). "
        "Nothing was billed; look the code up in the console of the API market, then resume."
    )


def test_a_doubtful_answer_says_what_to_compare():
    assert str(refusal(502, {})) == (
        "The answer was neither a verdict nor a refusal by the gateway (HTTP 502). "
        "The ask may have been billed; compare the vendor's usage."
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("3601", 3600.0),
        ("9" * 1000, 3600.0),
        ("Tue, 24 Nov 2026 02:50:31 GMT", 30.0),
        ("Tue, 24 Nov 2026 02:49:01 GMT", 0.0),
        ("Thu, 26 Nov 2026 02:49:01 GMT", 3600.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٧", None),
        ("", None),
    ],
)
@pytest.mark.parametrize(("http_status", "code"), [(429, "T429ID"), (503, "D503BB")])
def test_retry_after_is_honored_within_an_hour(text, seconds, http_status, code):
    error = refusal(http_status, headers(code, **{"retry-after": text, "date": "Tue, 24 Nov 2026 02:50:01 GMT"}))

    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == seconds


def test_a_date_to_wait_for_needs_the_date_of_the_answer():
    error = refusal(429, headers(**{"retry-after": "Tue, 24 Nov 2026 02:50:31 GMT"}))

    assert isinstance(error, Throttled)
    assert error.retry_after_seconds is None


def test_an_open_breaker_is_waited_for_unless_the_gateway_says_how_long():
    assert refusal(503, headers("D503CB")).retry_after_seconds == 90.0
    assert refusal(503, headers("D503CB", **{"retry-after": "5"})).retry_after_seconds == 5.0


@pytest.mark.parametrize("text", ["", "11010119900101001X", "6217000000000000007", "x" * 36, REQUEST_ID + "0"])
def test_what_is_no_uuid_is_no_request_id(text):
    assert request_id_of({"x-ca-request-id": text}) == ""


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14, 14))
def test_an_http_date_is_read_to_the_second_and_in_utc(at, hours):
    at = at.replace(microsecond=0, tzinfo=UTC)
    text = format_datetime((at + timedelta(hours=hours)).replace(tzinfo=None)).replace("-0000", f"{hours * 100:+05}")

    found = http_date(text)

    assert found == at
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "0", "yesterday", "Tue, 99 Nov 2026 02:50:31 GMT", "Fri, 31 Dec 9999 23:00:00 -1400"])
def test_another_text_is_no_date(text):
    assert http_date(text) is None


def test_a_date_without_a_zone_is_utc():
    assert http_date("Tue, 24 Nov 2026 02:50:31 -0000") == datetime(2026, 11, 24, 2, 50, 31, tzinfo=UTC)


@given(
    st.integers(100, 999).filter(lambda status: status != 200), st.text(max_size=20), st.text(max_size=40), st.text(max_size=30)
)
def test_every_refusal_has_a_class_and_5xx_is_free_only_with_a_gateway_code_on_503(http_status, code, message, date):
    error = refusal(http_status, headers(code, message, **{"retry-after": date, "date": date}))

    assert isinstance(error, AskError)
    if http_status >= 500:
        assert isinstance(error, InDoubt) == (http_status != 503 or not code.strip())
