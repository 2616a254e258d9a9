"""Somebody who reads the page without scripts: links are followed and forms are sent, as a plain browser does it.

The one thing to know: it speaks to the application itself, guard and login included; there is no socket in between, and every
page it gets is looked over for what no page may have.
"""

from __future__ import annotations

import asyncio
import re
import time
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from batchverify.desk import Desk
from batchverify.settings import Settings, load_settings
from batchverify.web.access import Access
from batchverify.web.app import build_app
from batchverify.web.guard import Names
from batchverify.web.people import ALL_ROLES, People, Person, Role

BASE = "http://127.0.0.1"
_PATIENCE_SECONDS = 30.0


def settings_of(home: Path, endpoint: str, **changes: Any) -> Settings:
    """Settings of a desk that asks a sandbox and does not wait long."""
    given = {"endpoint": endpoint, "app_code": "sandbox", "home": home, "qps": 5000.0, "back_off_seconds": 0.01}
    return load_settings(**(given | {"breaker_pause_seconds": 0.05, "deadline_seconds": 5.0, "operator": "王芳"} | changes))


class Reader:
    """A person with a browser of their own at a desk. `lang` is what their browser asks for."""

    def __init__(self, desk: Desk, *, name: str = "王芳", roles: frozenset[Role] = ALL_ROLES, lang: str = "en") -> None:
        access = Access(people=People(desk.home), clock=time.monotonic, local=Person(name=name, roles=roles))
        self.app = build_app(desk, access, names=Names(names=frozenset({"127.0.0.1"}), port=None))
        self.desk, self.lang = desk, lang
        self.cookies = httpx.Cookies()
        self.page = self.get(f"/enter/{access.new_link()}")

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Follow a link."""
        return self._asked("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Send a form. The mark of the session is taken from the page that was read last."""
        return self._asked("POST", path, data={"csrf": self.csrf, **(fields or {})}, headers=headers)

    def raw(self, path: str, body: bytes, kind: str, **headers: str) -> httpx.Response:
        """Send a body as it is."""
        return self._asked("POST", path, content=body, headers={"content-type": kind, **headers})

    def upload(self, path: Path, *, name: str = "", accept: str = "text/html", **fields: str) -> httpx.Response:
        """Upload a file from the first page."""
        self.get("/")
        files = {"file": (name or path.name, path.read_bytes(), "application/octet-stream")}
        return self._asked("POST", "/upload", data={"csrf": self.csrf, **fields}, files=files, headers={"accept": accept})

    def case(self, path: Path, *, name: str = "") -> str:
        """Upload a file; gives its case."""
        return self.upload(path, name=name).headers["location"].split("/")[2]

    def planned(self, path: Path, **choices: str) -> str:
        """Upload a file and go on to its plan."""
        case = self.case(path)
        answer = self.post(f"/jobs/{case}/columns", choices)
        assert answer.headers.get("location") == f"/jobs/{case}/plan", answer.text
        return case

    def begun(self, path: Path, *, cap: int | None = None, **choices: str) -> str:
        """The same, and confirm it with the cap that is filled in, or another one."""
        case = self.planned(path, **choices)
        form = self.form_of(self.get(f"/jobs/{case}/confirm"))
        answer = self.post(f"/jobs/{case}/confirm", form | ({} if cap is None else {"cap": str(cap)}))
        assert answer.headers.get("location") == f"/jobs/{case}", answer.text
        return case

    def ended(self, path: Path, *, cap: int | None = None, **choices: str) -> str:
        """The same, and wait for the result."""
        case = self.begun(path, cap=cap, **choices)
        self.wait(case)
        return case

    def wait(self, case: str) -> None:
        """Wait until nothing is under way in a case."""
        until = time.monotonic() + _PATIENCE_SECONDS
        version = 0
        while self.desk.live(case).stage.is_under_way:
            assert time.monotonic() < until, self.desk.case(case)
            version = self.desk.wait(case, version, 1.0).version

    @property
    def csrf(self) -> str:
        """The mark that stands in the forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.page.text)
        return found[1] if found else ""

    @staticmethod
    def form_of(page: httpx.Response) -> dict[str, str]:
        """What stands filled in on a page, by the names of its fields."""
        tags = re.findall(r"<input [^>]*>", page.text)
        fields = {}
        for tag in tags:
            name, value = re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
            if name and name[1] != "csrf" and 'type="checkbox"' not in tag and 'type="radio"' not in tag:
                fields[name[1]] = unescape(value[1]) if value else ""
        return fields

    def _asked(self, method: str, path: str, *, headers: dict[str, str] | None = None, **given: Any) -> httpx.Response:
        spelled = {"accept-language": self.lang, **{name.replace("_", "-"): value for name, value in (headers or {}).items()}}

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url=BASE, cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=spelled, **given)
                self.cookies = client.cookies
                return answer

        answer = asyncio.run(sent())
        if answer.headers.get("content-type", "").startswith("text/html") and "content-disposition" not in answer.headers:
            self._look_over(answer)
            if 'name="csrf"' in answer.text:
                self.page = answer
        return answer

    def _look_over(self, answer: httpx.Response) -> None:
        """What every page has and no page may have."""
        assert answer.headers["cache-control"] == "no-store"
        assert f'<html lang="{answer.headers["content-language"]}">' in answer.text
        assert answer.text.count("<h1") == 1
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        if self.desk.simulated:
            assert 'class="banner"' in answer.text
