"""The passwords of protected workbooks, for as long as one command lives.

The one thing to know: they are in memory only. No job, ledger, log or message has them, so whoever goes on with a job whose
input is protected is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from batchverify.errors import InputError
from batchverify.model import Secret


class PasswordNeeded(InputError):
    """A workbook is protected, and nobody has given the password that opens it. Nothing was sent."""


#: Excel takes no longer one.
MAX_LENGTH = 255

#: Gives the password of the file of that name; None where there is nobody to ask.
AskPassword = Callable[[str], Secret | None]
#: Gives the password for a result of that name; the other is its input's own, which may be taken again.
AskNewPassword = Callable[[str, Secret | None], Secret | None]


@dataclass(slots=True, eq=False, kw_only=True)
class Passwords:
    """Who is asked for passwords, how often, and what was learned. `origin` says where they come from, for messages."""

    ask: AskPassword = field(default=lambda _: None, repr=False)
    ask_new: AskNewPassword = field(default=lambda _name, _own: None, repr=False)
    tries: int = 1
    origin: str = "you"
    _known: dict[str, Secret] = field(default_factory=dict, init=False, repr=False)
    _result: Secret | None = field(default=None, init=False, repr=False)

    @property
    def known(self) -> list[Secret]:
        """All that have opened something, the newest first: several files of one command often share one."""
        return list(reversed(self._known.values()))

    def keep(self, sha256: str, password: Secret) -> None:
        """Remember what opened a file."""
        self._known[sha256] = password

    def of_result(self, name: str, *, source_sha256: str) -> Secret:
        """Give the password that results of this command are protected with; asked for once.

        Raises:
            InputError: There is nobody to ask, or it is none that Excel takes. Nothing was sent.
        """
        if self._result is None:
            given = self.ask_new(name, self._known.get(source_sha256))
            if given is None:
                raise PasswordNeeded(
                    f"{name} is to be protected, and there is no terminal to ask for a password. "
                    "Give it in the first line of standard input with --password-stdin (in Python: password=). Nothing was sent."
                )
            if not 0 < len(given.reveal()) <= MAX_LENGTH:
                raise InputError(f"The password for {name} must have 1 to {MAX_LENGTH} characters. Nothing was sent.")
            self._result = given
        return self._result
