"""Who may come in: users with a password, and the tokens of programs. One file of the home holds them, hashes only.

The one thing to know: the file is read again whenever it was changed, so whom `batchverify people remove` takes out is out at
once, also where a server runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from filelock import FileLock

from batchverify.errors import HomeError, InputError
from batchverify.model import Secret
from batchverify.store.files import home_errors, sync_folder, write_synced

FILE: Final = "people.json"
_VERSION: Final = 1
_SHORTEST: Final = 10
_LONGEST: Final = 1024
_LONGEST_NAME: Final = 64
_REMEDY: Final = "Free space there or make it writable, or choose another home with --home."
_TOKEN_BYTES: Final = 32


class Role(StrEnum):
    """What somebody may do. `view` sees masked results, `prepare` uploads, confirms and unmasks, `approve` approves others' plans."""

    VIEW = "view"
    PREPARE = "prepare"
    APPROVE = "approve"
    ADMIN = "admin"


ALL_ROLES: Final = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who was let in. `name` is what is recorded with whatever they do."""

    name: str
    roles: frozenset[Role]

    def may(self, role: Role | str) -> bool:
        """True where they have a role, or the one that has all."""
        return role in self.roles or Role.ADMIN in self.roles or (role == Role.VIEW and bool(self.roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user as the file keeps them."""

    name: str
    password: str
    roles: tuple[Role, ...]
    added_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A program's token as the file keeps it: who speaks by it, which roles it has at most, and a hash."""

    id: str
    name: str
    hash: str
    roles: tuple[Role, ...]
    added_at: str
    expires_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    users: tuple[User, ...] = ()
    tokens: tuple[Token, ...] = ()


class People:
    """The users and tokens of a home. `hasher` None hashes as RFC 9106 has it for most machines: 64 MiB, three rounds."""

    def __init__(
        self, home: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), hasher: PasswordHasher | None = None
    ) -> None:
        self._path = home / FILE
        self._now = now
        self._hasher = hasher or PasswordHasher()
        # One at a time: each hash takes 64 MiB, and whoever tries many passwords at once must not fill the memory.
        self._hashing = threading.Lock()
        self._read: tuple[tuple[int, int, int], _Listed] | None = None
        self._nobody = ""

    def users(self) -> tuple[User, ...]:
        return self._listed().users

    def tokens(self) -> tuple[Token, ...]:
        return self._listed().tokens

    def user(self, name: str) -> User | None:
        """The user of that name, written in whichever way."""
        wanted = spelled(name)
        return next((user for user in self.users() if user.name == wanted), None)

    def add(self, name: str, password: Secret, roles: Iterable[Role]) -> bool:
        """Add a user, or give one a new password and other roles. True where they are new.

        Raises:
            InputError: The name, the password or the roles will not do. Nothing was changed.
        """
        name, chosen = _named(name), _roles(roles)
        text = password.reveal()
        if len(text) < _SHORTEST or text.casefold() == name.casefold():
            raise InputError(f"A password has at least {_SHORTEST} characters and is not the name. Nothing was changed.")
        if len(text) > _LONGEST:
            raise InputError(f"A password has at most {_LONGEST} characters. Nothing was changed.")
        with self._hashing:
            hashed = self._hasher.hash(text)
        fresh = User(name=name, password=hashed, roles=chosen, added_at=self._stamp())
        known = False

        def change(listed: _Listed) -> _Listed:
            nonlocal known
            known = any(user.name == name for user in listed.users)
            return replace(listed, users=(*(user for user in listed.users if user.name != name), fresh))

        self._change(change)
        return not known

    def remove(self, name: str) -> None:
        """Take a user and their tokens out.

        Raises InputError where there is no such user.
        """
        wanted = spelled(name)

        def change(listed: _Listed) -> _Listed:
            if all(user.name != wanted for user in listed.users) and all(token.name != wanted for token in listed.tokens):
                raise InputError("There is no user of that name. `batchverify people list` shows them.")
            return _Listed(
                users=tuple(user for user in listed.users if user.name != wanted),
                tokens=tuple(token for token in listed.tokens if token.name != wanted),
            )

        self._change(change)

    def new_token(self, name: str, roles: Iterable[Role], *, days: int | None = None) -> tuple[Token, Secret]:
        """Make a token; its text is told this once and kept nowhere.

        Raises InputError where the name or the roles will not do.
        """
        text = f"bvt_{secrets.token_urlsafe(_TOKEN_BYTES)}"
        now = self._now()
        token = Token(
            id=base64.b32encode(secrets.token_bytes(5)).decode().lower(),
            name=_named(name),
            hash=_hash(text),
            roles=_roles(roles),
            added_at=now.isoformat(timespec="seconds"),
            expires_at="" if days is None else (now + timedelta(days=days)).isoformat(timespec="seconds"),
        )
        self._change(lambda listed: replace(listed, tokens=(*listed.tokens, token)))
        return token, Secret(text)

    def revoke(self, token_id: str) -> None:
        """Take a token out. Raises InputError where there is none of that id."""

        def change(listed: _Listed) -> _Listed:
            left = tuple(token for token in listed.tokens if token.id != token_id)
            if len(left) == len(listed.tokens):
                raise InputError(f"There is no token {token_id!r}. `batchverify people list` shows them.")
            return replace(listed, tokens=left)

        self._change(change)

    def by_password(self, name: str, password: Secret) -> Person | None:
        """The user whose password it is. A name that nobody has takes as long as a wrong password."""
        user = self.user(name)
        with self._hashing:
            if not self._nobody:
                self._nobody = self._hasher.hash(secrets.token_urlsafe())
            try:
                self._hasher.verify(self._nobody if user is None else user.password, password.reveal()[: _LONGEST + 1])
            except (Argon2Error, InvalidHashError):
                return None
        return None if user is None else Person(name=user.name, roles=frozenset(user.roles))

    def by_token(self, text: str) -> Person | None:
        """Who speaks by a token that is valid now."""
        hashed = _hash(text)
        token = next((one for one in self.tokens() if secrets.compare_digest(one.hash, hashed)), None)
        if token is None or (token.expires_at and datetime.fromisoformat(token.expires_at) <= self._now()):
            return None
        return Person(name=token.name, roles=frozenset(token.roles))

    def _stamp(self) -> str:
        return self._now().isoformat(timespec="seconds")

    def _listed(self) -> _Listed:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return _Listed()
        mark = (found.st_mtime_ns, found.st_ino, found.st_size)
        if self._read is None or self._read[0] != mark:
            self._read = (mark, self._load())
        return self._read[1]

    def _load(self) -> _Listed:
        damaged = f"{str(self._path)!r} is damaged. Put a copy of it back, or remove it and add the users again."
        try:
            mode = self._path.stat().st_mode
            kept = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return _Listed()
        except (OSError, ValueError):
            raise HomeError(damaged) from None
        if os.name == "posix" and mode & 0o077:
            raise HomeError(f"Others may read {self._path}. Run `chmod 600 {self._path}`.")
        if not isinstance(kept, dict) or kept.get("version") != _VERSION:
            raise HomeError(damaged)
        try:
            return _Listed(
                users=tuple(User(**_with_roles(user)) for user in kept["users"]),
                tokens=tuple(Token(**_with_roles(token)) for token in kept["tokens"]),
            )
        except (KeyError, TypeError, ValueError):
            raise HomeError(damaged) from None

    def _change(self, change: Callable[[_Listed], _Listed]) -> None:
        """Read, change and write the file, while nobody else does."""
        with home_errors("Writing", self._path, remedy=_REMEDY):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self._path.with_name(f"{FILE}.lock"), mode=0o600):
                listed = change(self._load())
                draft = self._path.with_name(f"{FILE}.new")
                draft.unlink(missing_ok=True)
                kept = {"version": _VERSION, **asdict(listed)}
                write_synced(draft, json.dumps(kept, ensure_ascii=False, indent=2).encode())
                draft.replace(self._path)
                sync_folder(self._path.parent)


def spelled(name: str) -> str:
    """A name in the one way it is kept.

    >>> spelled(" Ｌi ")
    'Li'
    """
    return unicodedata.normalize("NFKC", name).strip()


def _named(name: str) -> str:
    kept = spelled(name)
    if not kept or len(kept) > _LONGEST_NAME or not kept.isprintable():
        raise InputError(f"A name has 1 to {_LONGEST_NAME} characters that can be seen. Nothing was changed.")
    return kept


def _roles(roles: Iterable[Role]) -> tuple[Role, ...]:
    chosen = tuple(role for role in Role if role in frozenset(roles))
    if not chosen:
        raise InputError(f"Name at least one role: {', '.join(Role)}. Nothing was changed.")
    return chosen


def _with_roles(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**kept, "roles": tuple(Role(role) for role in kept["roles"])}


def _hash(text: str) -> str:
    """A token has 256 random bits, so a plain hash tells nothing of it; passwords need more (argon2)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
