"""An account of the vendor's in miniature: `DescribeApiMetering` on loopback, with the SDK's wire format and its signature checked.

The one thing to know: the signature is computed anew from its description, so that what is signed is what was sent.
"""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, quote, urlsplit

from batchverify.vendor.balance import PRODUCT_CODE

KEY_ID = "LTAImadeup"
SECRET = "madeupsecret"
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
            self._answer(400, {"Code": "SignatureDoesNotMatch", "Message": SECRET, "RequestId": "R-1"})
        elif self.server.refusal is not None:
            status, code = self.server.refusal
            self._answer(status, {"Code": code, "Message": f"refused {KEY_ID} at {self.path}", "RequestId": "R-1"})
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
        expected = hmac.new(SECRET.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        return parts["Credential"] == KEY_ID and hmac.compare_digest(parts["Signature"], expected)

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


@contextmanager
def an_account() -> Iterator[Account]:
    """Serve an account for as long as the block runs."""
    with Account() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
