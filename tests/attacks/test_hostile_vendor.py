"""A vendor whose texts are hostile: whatever stands in an answer, the result opens, runs nothing and loses no row."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from batchverify.job import Delivery, Options
from tests.builders import rows
from tests.threats import guards

TEXTS = (
    "=HYPERLINK(1)",
    "@SUM(1)",
    "\x00\x01\x1b[2J\ufffe\uffff",
    "x" * 40_000,
    "a\r\nb\tc",
    "_x0000_",
    "<b>&\"'",
    "+1+cmd|x",
    "-1|cmd",
    "\u202e",
)


@pytest.fixture
def vendor():
    """Serve answers that echo what was asked, with texts of `texts` in every other field."""
    texts = iter(TEXTS)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            text = next(texts)
            body = json.dumps({"status": "01", "msg": text[:99], "bank": text, **asked}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@guards("formulas", "hostile-answers")
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("source", ["csv", "xlsx"])
def test_no_text_of_an_answer_breaks_the_result_or_is_a_formula(desk, vendor, source, kind):
    path = desk.sheet(rows(len(TEXTS)), kind=source)

    result = desk.verify(
        path, options=Options(delivery=Delivery(output=desk.folder / f"result.{kind}")), endpoint=vendor, concurrency=1
    )

    assert result.statuses == ["matched"] * len(TEXTS)
    banks = [str(row["bv_bank"]) for row in result.rows]
    assert all(banks)
    if kind == "csv":
        assert not any(bank.startswith(("=", "@", "+", "-")) for bank in banks)
    else:  # what Excel opens without a word of repair
        assert max(map(len, banks)) <= 32_767
    assert desk.render(result.job).rows == result.rows
