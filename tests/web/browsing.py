"""The page as a person has it: `batchverify serve` as a process, a real browser, and the steps of a job by their words.

The one thing to know: buttons and links are found by the words that a person reads (`words.page`), so a test that passes has
gone the way a person goes; and a browser that complains on its console (a policy broken, a script that fails) fails the test.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, BrowserContext, Locator, sync_playwright

from batchverify.words import Lang
from batchverify.words.page import page_text
from tests.campaigns.processes import Desk

CHROMIUM = Path("/usr/bin/chromium")
#: Two cores and many tests beside this one: what takes a second alone may take many.
PATIENCE_MS = 60_000
_TAGS = {Lang.EN: "en-US", Lang.ZH: "zh-CN"}
#: What a browser says of a server that was killed under it; no word of it is about the page.
_SERVER_GONE = re.compile(
    r"ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)"
)
_MOST_TABS = 80


class Server:
    """A server of a desk's home. It is called the same after a restart, so a tab that stayed open finds it again."""

    def __init__(self, desk: Desk, *options: str) -> None:
        self.desk = desk
        self._options = options
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, and read what it prints: the way in."""
        self.process = self.desk.begin("serve", "--no-browser", "--port", str(self.port), *self._options)
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        found = re.search(r"https?://\S+", told)
        if found is None:
            self.process.kill()
            raise AssertionError(told + self.process.communicate()[1])
        self.link = found[0]
        self.port = urlsplit(self.link).port or 0

    @property
    def base(self) -> str:
        return self.link.split("/enter/")[0].rstrip("/")

    def kill(self) -> None:
        """Kill it as a power cut does: nothing is written any more."""
        self.process.kill()
        self.process.communicate()

    def close(self) -> int:
        """Ask it to end, as Ctrl-C does; give its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.process.returncode


class Visit:
    """Somebody at the page: a tab of a browser of their own, in a language."""

    def __init__(self, context: BrowserContext, server: Server, *, lang: Lang) -> None:
        self.context = context
        self.server = server
        self.lang = lang
        self.complaints: list[str] = []
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", lambda message: self._listen(message.type, message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = context.new_page()

    def _listen(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not _SERVER_GONE.search(text):
            self.complaints.append(text)

    def new_tab(self) -> None:
        """Close the tab and open another one."""
        self.page.close()
        self.page = self.context.new_page()

    def say(self, key: str) -> re.Pattern[str]:
        """The words of a key, as far as they are no figures."""
        return re.compile("^" + ".*".join(re.escape(part) for part in re.split(r"\{\w*\}", page_text(key, self.lang))) + "$")

    def enter(self) -> None:
        """Come in by the link that the server has printed."""
        self.page.goto(self.server.link)
        self.page.wait_for_url(f"{self.server.base}/")

    def log_in(self, name: str, password: str) -> None:
        """Come in as a user."""
        self.page.goto(f"{self.server.base}/login")
        self.page.get_by_label(self.say("chrome.name")).fill(name)
        self.page.get_by_label(self.say("chrome.password")).fill(password)
        self.press("chrome.log_in")
        self.page.wait_for_url(f"{self.server.base}/")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.server.base}{path}")

    def button(self, key: str) -> Locator:
        return self.page.get_by_role("button", name=self.say(key))

    def link(self, key: str) -> Locator:
        return self.page.get_by_role("link", name=self.say(key))

    def press(self, key: str) -> None:
        self.button(key).first.click()

    def follow(self, key: str) -> None:
        self.link(key).first.click()

    def download(self, key: str, folder: Path) -> Path:
        """Follow a link that gives a file, and keep it."""
        with self.page.expect_download() as waiting:
            self.follow(key)
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    def arrive(self, step: str) -> None:
        """Wait for a step of a job."""
        self.page.wait_for_url(re.compile(rf"/jobs/c-[a-z2-7]+/{step}([?#].*)?$"))

    @property
    def case(self) -> str:
        """The case that the address names."""
        found = re.search(r"/jobs/(c-[a-z2-7]+)", self.page.url)
        assert found is not None, self.page.url
        return found[1]

    def upload(self, path: Path) -> str:
        """Choose a file and go on to its columns; give the case."""
        self.go("/")
        self.page.locator("#file").set_input_files(path)
        self.press("upload.go")
        self.arrive("columns")
        return self.case

    def plan(self, path: Path) -> str:
        """Upload a file and go on to its plan, with the columns as they were found."""
        case = self.upload(path)
        self.press("columns.go")
        self.arrive("plan")
        return case

    def begin(self, path: Path, *, go: str = "confirm.go") -> str:
        """Go all the way to the word that starts it, and say it."""
        case = self.plan(path)
        self.follow("plan.next")
        self.arrive("confirm")
        self.press(go)
        return case

    def finish(self) -> None:
        """Wait for the result, to which the page goes by itself."""
        self.arrive("result")
        self.page.wait_for_load_state()

    def tab_to(self, target: Locator) -> None:
        """Go by the Tab key until the target has the focus."""
        for _ in range(_MOST_TABS):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{_MOST_TABS} tabs do not reach it.")

    def figure(self, name: str) -> int:
        """A figure of the progress page: the first number that stands there."""
        found = re.search(r"[\d,]+", self.page.locator(f"[data-live={name}]").inner_text())
        return int(found[0].replace(",", "")) if found else 0


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Run Debian's Chromium. Where there is none, the gate fails, and on another machine the test is skipped."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium: `.ci/run` installs it.")
        pytest.skip("There is no Chromium on this machine.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_visit(
    browser: Browser, server: Server, *, lang: Lang = Lang.EN, scheme: str = "light", state: Path | None = None, width: int = 1280
) -> Iterator[Visit]:
    """Open a browser of somebody's own; what its console complained about fails the test."""
    context = browser.new_context(
        locale=_TAGS[lang],
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        ignore_https_errors=True,
        accept_downloads=True,
        storage_state=state,
    )
    visit = Visit(context, server, lang=lang)
    yield visit
    context.close()
    if visit.complaints:
        raise AssertionError("\n".join(visit.complaints))


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of this machine's own for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "desk.pem", folder / "desk.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret
