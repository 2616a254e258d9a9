"""Answers as bytes, scripts that send them, and clients that ask for them."""

import json

from batchverify.model import Secret
from batchverify.vendor.client import Client
from batchverify.vendor.products import parse_endpoint

REQUEST_ID = "0B0C6A5E-0000-4000-8000-000000000001"
APP_CODE = Secret("test-appcode")
FIELDS = {
    "status": "01",
    "msg": "验证通过",
    "idCard": "11010119900101001X",
    "accountNo": "6217000000000000007",
    "name": "测试甲",
    "sex": "女",
}


def answer(fields=FIELDS, *, http="200 OK", body=None, length=None, more=""):
    body = json.dumps(fields, ensure_ascii=False).encode() if body is None else body
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {http}\r\nDate: Tue, 24 Nov 2026 02:50:01 GMT\r\nX-Ca-Request-Id: {REQUEST_ID}\r\nContent-Length: {length}\r\n{more}\r\n"
    return head.encode() + body


def chunked(body, *, end=b"0\r\n\r\n", more=""):
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{more}\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + end


def refused(http, code="", message="", more=""):
    return answer(http=http, body=b"", more=f"X-Ca-Error-Code: {code}\r\nX-Ca-Error-Message: {message}\r\n{more}")


def client_of(server, *, connections=4, deadline_seconds=5.0, **options):
    endpoint = parse_endpoint(f"http://127.0.0.1:{server.port}")
    return Client(endpoint, APP_CODE, connections=connections, deadline_seconds=deadline_seconds, **options)


def says(data, *, then="stay"):
    """Make a script that answers each request with `data`, then stays, closes or resets."""

    def script(peer):
        while peer.read():
            peer.send(data)
            if then == "reset":
                peer.reset()
            if then != "stay":
                return

    return script


async def ask_once(server, query, **options):
    async with client_of(server, **options) as client:
        return await client.ask(query)


def silence(peer):
    peer.read()
    peer.wait_for_end()
