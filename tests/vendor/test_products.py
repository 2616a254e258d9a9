from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchverify.errors import BadRequest, NotSent, SettingsError
from batchverify.model import Product, Query
from batchverify.vendor.products import KNOWN_HOSTS, fields_of, parse_endpoint, request_target
from tests.threats import guards

HOST = "bcard3and4.market.alicloudapi.com"
LONG_LABEL = "a" * 64

ALLOWED = [
    (f"https://{HOST}", f"https://{HOST}"),
    (f"https://{HOST}/", f"https://{HOST}"),
    (f"HTTPS://{HOST.upper()}", f"https://{HOST}"),
    (f"https://{HOST}:443", f"https://{HOST}"),
    (f"https://{HOST}:8443", f"https://{HOST}:8443"),
    ("https://bankali.market.alicloudapi.com", "https://bankali.market.alicloudapi.com"),
    ("https://tbank.market.alicloudapi.com", "https://tbank.market.alicloudapi.com"),
    ("https://fephone.market.alicloudapi.com", "https://fephone.market.alicloudapi.com"),
    ("https://named.example", "https://named.example"),
    ("https://NAMED.example:444", "https://named.example:444"),
    ("https://192.0.2.7", "https://192.0.2.7"),
    ("http://127.0.0.1", "http://127.0.0.1"),
    ("http://127.0.0.1:80", "http://127.0.0.1"),
    ("http://127.0.0.1:8028/", "http://127.0.0.1:8028"),
    ("http://127.255.0.9:1", "http://127.255.0.9:1"),
    ("http://localhost:65535", "http://localhost:65535"),
    ("http://LocalHost:81", "http://localhost:81"),
    ("http://[::1]:8028", "http://[::1]:8028"),
    ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
    ("https://localhost:8443", "https://localhost:8443"),
]
SHAPE = "is not of the form https://HOST"
PLAIN = "is plain http"
UNKNOWN = "is not one of the vendor's"
NO_HOST = "is neither a DNS name nor an IP address"
PORT = "does not exist"
REFUSED = [
    ("", SHAPE),
    (HOST, SHAPE),
    ("ftp://127.0.0.1", SHAPE),
    (f"https:{HOST}", SHAPE),
    (f"https://user:secret@{HOST}", SHAPE),
    (f"https://{HOST}@evil.example", SHAPE),
    (f"https://evil.example#@{HOST}", SHAPE),
    (f"https://{HOST}?x=1", SHAPE),
    (f"https://{HOST}/#x", SHAPE),
    (f"https://{HOST}/bank3Check", SHAPE),
    (f"https://{HOST}//", SHAPE),
    (f"https://{HOST}\\@evil.example", SHAPE),
    (f" https://{HOST}", SHAPE),
    (f"https://{HOST}\n", SHAPE),
    (f"https://{HOST}\r\nHost: evil.example", SHAPE),
    (f"https://{HOST}%2eevil.example", SHAPE),
    (f"https://{HOST}:", SHAPE),
    (f"https://{HOST}:-1", SHAPE),
    (f"https://{HOST}:４４３", SHAPE),
    ("https://例子.example", SHAPE),
    ("https://ban\u212aali.market.alicloudapi.com", SHAPE),  # a Kelvin sign
    (f"https://{HOST}:0", PORT),
    (f"https://{HOST}:65536", PORT),
    (f"http://{HOST}", PLAIN),
    ("http://named.example", PLAIN),
    ("http://localhost.evil.example", PLAIN),
    ("http://10.0.0.1", PLAIN),
    ("http://0.0.0.0:8028", PLAIN),
    ("http://169.254.169.254", PLAIN),
    ("http://[::ffff:127.0.0.1]", PLAIN),
    ("http://[fe80::1]", PLAIN),
    (f"https://evil.{HOST}", UNKNOWN),
    (f"https://{HOST}.evil.example", UNKNOWN),
    ("https://market.alicloudapi.com", UNKNOWN),
    ("https://192.0.2.8", UNKNOWN),
    ("https://[2001:db8::1]", UNKNOWN),
    ("http://127.1", NO_HOST),
    ("http://2130706433", NO_HOST),
    ("http://0x7f.0.0.0x1", NO_HOST),
    ("http://127.0.0.01", NO_HOST),
    ("http://127.0.0.256", NO_HOST),
    ("http://[::1", SHAPE),
    ("http://[:::1]", NO_HOST),
    (f"https://{HOST}.", NO_HOST),
    ("https://-a.example", NO_HOST),
    ("https://a..example", NO_HOST),
    (f"https://{LONG_LABEL}.example", NO_HOST),
    ("https://" + "a." * 127 + "example", NO_HOST),
]


@pytest.mark.parametrize(("text", "origin"), ALLOWED)
def test_an_allowed_endpoint_is_read(text, origin):
    endpoint = parse_endpoint(text, named_hosts=["Named.example", "192.0.2.7"])

    assert str(endpoint) == origin


@guards("endpoints")
@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_any_other_endpoint_is_refused_with_the_reason(text, why):
    with pytest.raises(SettingsError) as caught:
        parse_endpoint(text, named_hosts=["named.example"])

    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_whole_refusal_of_a_foreign_host_names_the_remedy():
    with pytest.raises(SettingsError) as caught:
        parse_endpoint("https://elsewhere.example")

    assert str(caught.value) == (
        "The host 'elsewhere.example' of the endpoint setting is not one of the vendor's "
        "(bankali.market.alicloudapi.com, bcard3and4.market.alicloudapi.com, fephone.market.alicloudapi.com, "
        "tbank.market.alicloudapi.com). If personal data may really go there, name it among the allowed hosts in the settings."
    )


def test_only_loopback_endpoints_are_loopback():
    loopback = {text for text, _ in ALLOWED if parse_endpoint(text, named_hosts=["named.example", "192.0.2.7"]).is_loopback}

    assert loopback == {text for text, _ in ALLOWED if "127." in text or "localhost" in text.lower() or "[" in text}


def test_tls_goes_with_the_scheme():
    assert parse_endpoint(f"https://{HOST}").is_tls
    assert not parse_endpoint("http://127.0.0.1:8028").is_tls


def test_four_hosts_are_known():
    assert len(KNOWN_HOSTS) == 4
    assert HOST in KNOWN_HOSTS


@pytest.mark.parametrize(
    ("product", "path", "names"),
    [
        (Product.BANK3, "/bank3Check", ["accountNo", "idCard", "name"]),
        (Product.BANK3_DETAIL, "/bank3CheckNew", ["accountNo", "idCard", "name"]),
        (Product.BANK4, "/bankCheck4", ["accountNo", "idCard", "name", "mobile"]),
        (Product.BANK4_DETAIL, "/bankCheck4New", ["accountNo", "idCard", "name", "mobile"]),
        (Product.ID2, "/IDCard", ["idCard", "name"]),
    ],
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.text(min_size=1, max_size=64), digits=st.from_regex(r"[0-9]{1,19}", fullmatch=True))
def test_a_target_carries_exactly_the_fields_in_the_vendors_order(product, path, names, name, digits):
    asked = Query(product=product, name=name, id_card=digits, account_no=digits, mobile=digits)
    if any("\ud800" <= char <= "\udfff" for char in name):
        return

    target = request_target(asked)

    assert [field.value for field in fields_of(product)] == names
    assert target.isascii()
    assert not set(target) & set(" \r\n#")
    found_path, _, found = target.partition("?")
    assert found_path == path
    assert parse_qsl(found, keep_blank_values=True, strict_parsing=True) == [(n, name if n == "name" else digits) for n in names]


def test_digits_of_other_scripts_are_encoded_too():
    assert request_target(Query(product=Product.ID2, name="x", id_card="１")) == "/IDCard?idCard=%EF%BC%91&name=x"


def test_a_missing_parameter_is_a_bug_and_not_sent():
    with pytest.raises(BadRequest) as caught:
        request_target(Query(product=Product.BANK3, name="张三", id_card="11010119900101001X"))

    assert str(caught.value) == (
        "The product 'bank3' needs the parameter 'accountNo', and the query has none. Nothing was sent; this is a bug, please report it."
    )
    assert caught.value.code == "bad_request"


def test_a_target_longer_than_the_gateway_takes_is_not_sent():
    with pytest.raises(NotSent) as caught:
        request_target(Query(product=Product.ID2, name="三" * 800, id_card="11010119900101001X"))

    assert str(caught.value) == "The ask would be 7239 bytes long, and the gateway takes 7168. Shorten the fields of this row."
    assert caught.value.code == "too_long"
