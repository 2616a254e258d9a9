"""A program that calls the HTTP API with a token, and whoever calls the application with whatever headers they like.

The one thing to know: it speaks to the whole application, guard and login included; each answer that is a problem is looked over.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from batchverify.desk import Desk
from batchverify.model import Secret
from batchverify.web.access import Access
from batchverify.web.app import build_app
from batchverify.web.guard import Limits, Names
from batchverify.web.people import ALL_ROLES, People, Person, Role

HOST = "127.0.0.1:8765"
BASE = f"http://{HOST}"
PASSWORD = "correct horse battery"
#: Quick where a test is not about how long a guess takes.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """The steady hand of a server."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class Site:
    """A desk that is served, without a socket. `links` are those that were shown in its terminal."""

    def __init__(self, desk: Desk, *, limits: Limits | None = None, local: bool = True) -> None:
        self.desk, self.clock, self.people = desk, Clock(), People(desk.home, hasher=QUICK)
        self.links: list[str] = []
        person = Person(name="王芳", roles=ALL_ROLES) if local else None
        self.access = Access(people=self.people, clock=self.clock, local=person, port=8765, tell=self.links.append)
        names = Names(names=frozenset({"127.0.0.1", "localhost"}), port=8765)
        self.app = build_app(desk, self.access, names=names, limits=limits)

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send one request; follow nothing."""
        cookies = given.pop("cookies", None)

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url=BASE, cookies=cookies) as client:
                return await client.request(method, path, **given)

        return asyncio.run(sent())

    def entered(self) -> dict[str, str]:
        """Come in by a link; gives the cookies of the session."""
        return dict(self.ask("GET", f"/enter/{self.access.new_link()}").cookies)

    def program(self, *roles: Role, name: str = "工资系统") -> Program:
        """A program with a token of its own."""
        _, token = self.people.new_token(name, roles or (Role.PREPARE,))
        return Program(self, token)


class Program:
    """A program that has a token."""

    def __init__(self, site: Site, token: Secret) -> None:
        self._site = site
        self._headers = {"authorization": f"Bearer {token.reveal()}"}

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Call the API; a refusal is a whole problem with one sentence."""
        headers = self._headers | given.pop("headers", {})
        answer = self._site.ask(method, f"/api{path}", headers=headers, **given)
        if answer.status_code >= 400:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["status"] == answer.status_code
            assert problem["type"] == f"urn:batchverify:problem:{problem['code']}"
            assert problem["detail"].endswith((".", "`"))
            assert problem["billed"] in {"nothing", "see_ledger"}
        return answer

    def upload(self, path: Path, *, key: str = "", name: str = "", options: dict[str, Any] | None = None, **fields: str):
        """Upload a file with options."""
        headers = {"idempotency-key": key} if key else {}
        files = {"file": (name or path.name, path.read_bytes(), "application/octet-stream")}
        if options is not None:
            fields["options"] = json.dumps(options)
        return self.ask("POST", "/jobs", files=files, data=fields, headers=headers)

    def confirm(self, opened: dict[str, Any], **changes: Any) -> httpx.Response:
        """Confirm the plan that an upload gave."""
        given = {"digest": opened["plan"]["hash"], "max_asks": opened["plan"]["asks"]} | changes
        return self.ask("POST", f"/jobs/{opened['job']['id']}/confirm", json=given)

    def events(self, job: str) -> list[dict[str, Any]]:
        """Listen until the job is over."""
        answer = self.ask("GET", f"/jobs/{job}/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]

    def verified(self, path: Path, **options: Any) -> str:
        """Upload, confirm, and wait for the end; gives the job."""
        opened = self.upload(path, options=options).json()
        assert self.confirm(opened).status_code == 200
        assert self.events(opened["job"]["id"])[-1]["stage"] == "ended"
        return str(opened["job"]["id"])


def until(seconds: float = 30.0) -> Iterator[None]:
    """Look again and again, for so long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        yield
        time.sleep(0.02)
    raise AssertionError("It did not come to that.")
