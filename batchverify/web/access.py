"""Who is asking: the one-time link of this machine, a user with a password, or a program with a token.

The one thing to know: what lets somebody in (link, cookie, token) is random, kept as a hash and compared as one; and a form that
a session sends carries the session's own mark as its first field, which no other site can know.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from batchverify.model import Secret
from batchverify.web.people import People, Person, spelled

#: A link is used once, and soon: it stands in a terminal's history and a browser's.
LINK_SECONDS: Final = 600.0
#: A session ends after this long without a request, and at the latest after a day.
IDLE_SECONDS: Final = 8 * 3600.0
SESSION_SECONDS: Final = 24 * 3600.0
_BETWEEN_LINKS_SECONDS: Final = 10.0
_MOST_SESSIONS: Final = 1_000
_FREE_TRIES: Final = 5
_FREE_TRIES_OF_PLACE: Final = 20
_FIRST_PAUSE_SECONDS: Final = 30.0
_LONGEST_PAUSE_SECONDS: Final = 900.0
_MOST_NAMES: Final = 10_000
_RANDOM_BYTES: Final = 32
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,512}) *", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Session:
    """Somebody who came in with a browser. `csrf` is the mark of their forms."""

    person: Person
    csrf: str
    began: float
    used: float
    #: The hash of the password they came with, "" for the link: with another password, older sessions are over.
    password: str = field(repr=False)


class TooManyTriesError(Exception):
    """Too many passwords were wrong; the next is looked at after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    until: float = 0.0


class Tries:
    """How often somebody was wrong, and how long they wait: some tries are free, then each costs twice as long."""

    def __init__(self, *, free: int) -> None:
        self._free = free
        self._counts: dict[str, _Count] = {}

    def wait(self, key: str, now: float) -> float:
        """The seconds until the next try of a name or a place is looked at.

        >>> tries = Tries(free=2)
        >>> for _ in range(3): tries.wrong("li", 0.0)
        >>> tries.wait("li", 1.0), tries.wait("li", 31.0), tries.wait("wang", 1.0)
        (29.0, 0.0, 0.0)
        """
        count = self._counts.get(key)
        return max(count.until - now, 0.0) if count is not None else 0.0

    def wrong(self, key: str, now: float) -> None:
        """Count one that was wrong."""
        if key not in self._counts and len(self._counts) >= _MOST_NAMES:
            # Names that nobody has are invented at will: those whose pause is over make place, then the oldest.
            for old in [name for name, count in self._counts.items() if count.until <= now] or [next(iter(self._counts))]:
                del self._counts[old]
        count = self._counts.setdefault(key, _Count())
        count.wrong += 1
        if count.wrong > self._free:
            doubled = _FIRST_PAUSE_SECONDS * 2.0 ** min(count.wrong - self._free - 1, 10)
            count.until = now + min(doubled, _LONGEST_PAUSE_SECONDS)

    def forget(self, key: str) -> None:
        """Forget what was wrong: whoever knows the password is no guesser."""
        self._counts.pop(key, None)

    def undo(self, key: str) -> None:
        """Take one back that was counted and not wrong. The others stay: whoever has one password may be guessing another."""
        if (count := self._counts.get(key)) is not None:
            count.wrong -= 1
            count.until = 0.0 if count.wrong <= self._free else count.until


@dataclass(slots=True, kw_only=True)
class Access:
    """The doors of one server. `local` is who comes in by the link, None where only users do; `clock` is monotonic, in seconds.

    `tell` shows a new link to whoever sees the terminal. `closing` is set when the server ends: whoever looks on is sent away.
    """

    people: People
    clock: Callable[[], float]
    local: Person | None
    is_secure: bool = False
    port: int = 0
    tell: Callable[[str], None] | None = None
    closing: threading.Event = field(default_factory=threading.Event)
    _links: dict[str, float] = field(default_factory=dict, init=False)
    _sessions: dict[str, Session] = field(default_factory=dict, init=False)
    _told: float = field(default=-math.inf, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _names: Tries = field(default_factory=lambda: Tries(free=_FREE_TRIES), init=False)
    _places: Tries = field(default_factory=lambda: Tries(free=_FREE_TRIES_OF_PLACE), init=False)

    @property
    def cookie(self) -> str:
        """The name of the cookie. Cookies do not know ports, so two servers of one machine need two names."""
        return f"__Host-bv_session_{self.port}" if self.is_secure else f"bv_session_{self.port}"

    def new_link(self) -> str:
        """A word that lets in once."""
        text = secrets.token_urlsafe(_RANDOM_BYTES)
        with self._lock:
            now = self.clock()
            self._links = {known: until for known, until in self._links.items() if until > now}
            self._links[_hash(text)] = now + LINK_SECONDS
        return text

    def print_link(self) -> bool:
        """Show a new link in the terminal; False where one was shown a moment ago, for anybody may ask for it."""
        with self._lock:
            now = self.clock()
            if self.tell is None or self.local is None or now - self._told < _BETWEEN_LINKS_SECONDS:
                return False
            self._told = now
        self.tell(self.new_link())
        return True

    def enter(self, link: str) -> str | None:
        """The cookie of a new session, for a link that is new; None for one that was used, is too old or never was."""
        with self._lock:
            until = self._links.pop(_hash(link), None)
        if until is None or until <= self.clock() or self.local is None:
            return None
        return self._begin(self.local, password="")

    def log_in(self, name: str, password: Secret, *, place: str) -> tuple[str, Person] | None:
        """The cookie of a new session and whose it is, or None where name and password do not belong together.

        Raises TooManyTriesError before anything is looked at where this name or place was wrong too often.
        """
        # In the one way it is kept: full-width letters are no other name, and so no new tries.
        by_name = _hash(spelled(name).casefold())
        with self._lock:
            now = self.clock()
            seconds = max(self._names.wait(by_name, now), self._places.wait(place, now))
            if seconds > 0:
                raise TooManyTriesError(seconds)
            # Counted before it is looked at: a hundred tries at once are a hundred.
            self._names.wrong(by_name, now)
            self._places.wrong(place, now)
        person = self.people.by_password(name, password)
        if person is None:
            return None
        with self._lock:
            self._names.forget(by_name)
            self._places.undo(place)
        user = self.people.user(person.name)
        return None if user is None else (self._begin(person, password=user.password), person)

    def session(self, cookie: str) -> Session | None:
        """The session of a cookie, while it lasts and its user is still one."""
        with self._lock:
            now = self.clock()
            found = self._sessions.get(_hash(cookie))
            if found is None:
                return None
            if now - found.used > IDLE_SECONDS or now - found.began > SESSION_SECONDS:
                del self._sessions[_hash(cookie)]
                return None
            found.used = now
        if found.password:
            user = self.people.user(found.person.name)
            if user is None or user.password != found.password:
                self.end(cookie)
                return None
            found.person = Person(name=user.name, roles=frozenset(user.roles))
        return found

    def end(self, cookie: str) -> None:
        """End a session, if it is one."""
        with self._lock:
            self._sessions.pop(_hash(cookie), None)

    def bearer(self, header: str) -> Person | None:
        """Who speaks by the token of an Authorization header."""
        found = _BEARER.fullmatch(header)
        return self.people.by_token(found[1]) if found is not None else None

    def _begin(self, person: Person, *, password: str) -> str:
        text = secrets.token_urlsafe(_RANDOM_BYTES)
        with self._lock:
            now = self.clock()
            if len(self._sessions) >= _MOST_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].used)]
            self._sessions[_hash(text)] = Session(
                person=person, csrf=secrets.token_urlsafe(_RANDOM_BYTES), began=now, used=now, password=password
            )
        return text


def csrf_is_right(request: Request, token: str) -> bool:
    """True where a form's mark is that of its session."""
    mark = str(getattr(request.state, "csrf", ""))
    return bool(mark) and secrets.compare_digest(mark.encode(), token.encode("utf-8", "surrogatepass"))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
