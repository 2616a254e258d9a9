"""The balance by the vendor's account: a server on loopback that speaks the SDK's wire format and checks its signature."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import sys
import threading
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from batchverify.errors import InputError, SettingsError
from batchverify.model import Secret
from batchverify.vendor.balance import PRODUCT_CODE, AccessKey, Metered, read_balance

KEY = AccessKey(id=Secret("LTAImadeup"), secret=Secret("madeupsecret"))
PAGE = 10


class Account(http.server.ThreadingHTTPServer):
    """An account with subscriptions, ten a page; `refusal` is (HTTP status, Code) in place of an answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.subscriptions: list[dict[str, object]] = []
        self.refusal: tuple[int, str] | None = None
        self.body: bytes | None = None
        self.asked: list[dict[str, str]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Account

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        self.server.asked.append(query)
        assert self.headers["x-acs-action"] == "DescribeApiMetering"
        assert self.headers["x-acs-version"] == "2015-11-01"
        if not self._is_signed(query):
            self._answer(400, {"Code": "SignatureDoesNotMatch", "Message": "madeupsecret?", "RequestId": "R-1"})
        elif self.server.refusal is not None:
            status, code = self.server.refusal
            self._answer(status, {"Code": code, "Message": f"refused LTAImadeup at {self.path}", "RequestId": "R-1"})
        else:
            page = int(query["pageNum"])
            own = [one for one in self.server.subscriptions if one["ProductCode"] == query["productCode"]]
            shown = own[(page - 1) * PAGE : page * PAGE]
            self._answer(200, {"Success": True, "Code": "200", "Count": len(own), "PageNumber": page, "Result": shown})

    def _is_signed(self, query: dict[str, str]) -> bool:
        """Compute ACS3-HMAC-SHA256 anew, by its description and not by the SDK."""
        scheme, _, rest = self.headers["Authorization"].partition(" ")
        parts = dict(part.split("=", 1) for part in rest.split(","))
        names = parts["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                "GET",
                "/",
                "&".join(f"{quote(name, safe='')}={quote(value, safe='-_.~')}" for name, value in sorted(query.items())),
                "".join(f"{name}:{self.headers[name].strip()}\n" for name in names),
                ";".join(names),
                hashlib.sha256(b"").hexdigest(),
            ]
        )
        to_sign = f"{scheme}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        expected = hmac.new(b"madeupsecret", to_sign.encode(), hashlib.sha256).hexdigest()
        return parts["Credential"] == "LTAImadeup" and hmac.compare_digest(parts["Signature"], expected)

    def _answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode() if self.server.body is None else self.server.body
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def a_subscription(left, used, total, *, code=PRODUCT_CODE):
    return {"ProductCode": code, "TotalQuota": left, "TotalUsage": used, "TotalCapacity": total, "Unit": "次"}


@pytest.fixture
def account():
    with Account() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_total_quota_is_what_is_left(account):
    account.subscriptions = [a_subscription(6922, 13818, 20740)]

    assert read_balance(account.endpoint, KEY) == Metered(left=6922, used=13818, total=20740)
    assert account.asked == [{"pageNum": "1", "productCode": "cmapi028807", "type": "1"}]


def test_all_pages_add_up_and_other_products_do_not_count(account):
    account.subscriptions = [a_subscription(10, 90, 100) for _ in range(11)] + [a_subscription(5, 5, 10, code="cmapi1")]

    assert read_balance(account.endpoint, KEY) == Metered(left=110, used=990, total=1100)
    assert [query["pageNum"] for query in account.asked] == ["1", "2"]


def test_a_capacity_that_is_missing_is_none(account):
    account.subscriptions = [{"ProductCode": PRODUCT_CODE, "TotalQuota": 7}]

    assert read_balance(account.endpoint, KEY) == Metered(left=7, used=0, total=None)


def test_a_wrong_secret_is_told_without_showing_it(account):
    wrong = AccessKey(id=KEY.id, secret=Secret("wrong"))

    with pytest.raises(SettingsError) as refused:
        read_balance(account.endpoint, wrong)

    assert str(refused.value).startswith("The vendor refuses the AccessKey (SignatureDoesNotMatch). ")
    assert "madeup" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        ((404, "InvalidAccessKeyId.NotFound"), SettingsError, r"refuses the AccessKey \(InvalidAccessKeyId\.NotFound\)"),
        ((403, "Forbidden.RAM"), SettingsError, r"refuses the AccessKey \(Forbidden\.RAM\)"),
        ((503, "ServiceUnavailable"), InputError, r"could not be read \(ServiceUnavailable\)"),
        ((500, "a < b"), InputError, r"could not be read \(\w+\)\. Try again"),
    ],
)
def test_what_the_vendor_refuses_is_named_by_its_code_alone(account, refusal, kind, says):
    account.refusal = refusal

    with pytest.raises(kind, match=says) as refused:
        read_balance(account.endpoint, KEY)

    assert "LTAI" not in str(refused.value)


def test_an_account_without_the_product_says_what_to_do(account):
    account.subscriptions = [a_subscription(5, 5, 10, code="cmapi1")]

    with pytest.raises(InputError, match="The account has no package of cmapi028807"):
        read_balance(account.endpoint, KEY)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"Success": false}', "gave no balance"),
        (b'{"Count": 1, "Result": [{"ProductCode": "cmapi028807"}]}', "names no balance"),
        (b'{"Count": 1, "Result": [{"TotalQuota": "many"}]}', "names no balance"),
        (b"<html>", "could not be read"),
    ],
)
def test_an_answer_without_a_number_is_no_balance(account, body, says):
    account.body = body

    with pytest.raises(InputError, match=says):
        read_balance(account.endpoint, KEY)


def test_nobody_listening_is_told(account):
    account.server_close()

    with pytest.raises(InputError, match="The balance could not be read"):
        read_balance(account.endpoint, KEY)


def test_plain_http_to_another_host_is_refused():
    with pytest.raises(SettingsError, match="plain http"):
        read_balance("http://market.aliyuncs.com", KEY)


def test_a_missing_extra_is_named_with_the_command_that_installs_it(account, monkeypatch):
    monkeypatch.setitem(sys.modules, "alibabacloud_market20151101.models", None)

    with pytest.raises(
        SettingsError, match=r"needs the extra 'balance'\. Install it with `pip install 'batchverify\[balance\]'`"
    ):
        read_balance(account.endpoint, KEY)
