"""Scripted faults: what may go wrong between the vendor and us, one ask at a time.

The one thing to know: each fault has a default for the bill, taken for the worse where the vendor's own habit is unknown;
a rule may overrule it with `billed`, so that a client can be tried against both truths.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """Kinds of faults. `is_billed` says what each does to the bill unless its rule says otherwise."""

    RESET_BEFORE = "reset_before"
    """The ask is read, then the connection is reset before the vendor saw it."""
    RESET_AFTER = "reset_after"
    """The vendor answered, and the connection is reset without a byte of it."""
    CLOSE_AFTER = "close_after"
    """The same with a clean close."""
    STALE = "stale"
    """A whole answer, then the kept connection is closed."""
    SLOW_DRIP = "slow_drip"
    """The answer, one byte every `seconds` (default 1)."""
    NEVER = "never"
    """No answer, and the connection stays open."""
    TRUNCATED_LENGTH = "truncated_length"
    """Half of the body its Content-Length promises, then a clean close."""
    TRUNCATED_CHUNKED = "truncated_chunked"
    """A chunked body without its last chunk, then a clean close."""
    WRONG_LENGTH = "wrong_length"
    """A Content-Length 10 bytes short: the rest lies on the kept connection."""
    HTML = "html"
    """A page with HTTP 200, as a proxy in between makes it."""
    NOT_JSON = "not_json"
    """HTTP 200 and JSON's content type around something else."""
    GZIP_BOMB = "gzip_bomb"
    """An answer of 16 MiB packed by gzip, though identity was asked for."""
    HUGE_BODY = "huge_body"
    """A right answer of 1 MiB."""
    WRONG_ECHO = "wrong_echo"
    """The answer to a question about another person."""
    NUMBER_FOR_STRING = "number_for_string"
    """The status as a number."""
    NAN = "nan"
    """`NaN` where a text belongs, which JSON does not have."""
    DUPLICATE_KEYS = "duplicate_keys"
    """A second `status` at the end, which says the contrary."""
    UNKNOWN_STATUS = "unknown_status"
    """Status 77."""
    STATUS_9999 = "status_9999"
    """Status 9999 (service error), on whatever path."""
    REDIRECT = "redirect"
    """302 to /console/redirected, which counts who follows."""
    THROTTLE_429 = "throttle_429"
    """429 with T429US; `seconds` becomes Retry-After."""
    THROTTLE_403 = "throttle_403"
    """The old style: 403 and a message, no code."""
    ERROR_500 = "error_500"
    """500 with the gateway's X500ER."""
    ERROR_500_PLAIN = "error_500_plain"
    """500 passed through from the vendor: no code."""
    ERROR_502 = "error_502"
    """502 D502FC: the vendor's answer was broken."""
    ERROR_502_PLAIN = "error_502_plain"
    """502 without a code."""
    ERROR_503 = "error_503"
    """503 D503BB."""
    ERROR_503_PLAIN = "error_503_plain"
    """503 without a code."""
    BREAKER_503 = "breaker_503"
    """503 D503CB: the gateway's breaker is open."""
    ERROR_504 = "error_504"
    """504 D504TO: the vendor did the work and was late."""
    QUOTA_EXHAUSTED = "quota_exhausted"
    """403 B403MQ for this one ask."""
    QUOTA_EXPIRED = "quota_expired"
    """403 B403ME for this one ask."""
    REVOKED = "revoked"
    """401 A401AC for this one ask."""
    UNAUTHORIZED = "unauthorized"
    """403 I403AA for this one ask."""
    ARREARS = "arrears"
    """403 B403OD for this one ask."""

    @property
    def is_billed(self) -> bool:
        return self not in _NOT_BILLED


_NOT_BILLED = frozenset(
    {
        Fault.RESET_BEFORE,
        Fault.REDIRECT,
        Fault.THROTTLE_429,
        Fault.THROTTLE_403,
        Fault.ERROR_500,
        Fault.ERROR_503,
        Fault.BREAKER_503,
        Fault.QUOTA_EXHAUSTED,
        Fault.QUOTA_EXPIRED,
        Fault.REVOKED,
        Fault.UNAUTHORIZED,
        Fault.ARREARS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a fault strikes. All conditions given must hold; with none, every ask is struck.

    `at` are ask numbers counted from 1 since the script was set, `every` strikes each n-th of them, `probability` draws
    from `seed`, `question` is the hex of a question's digest, `times` ends the rule. `Rule(fault=a, times=1)` and then
    `Rule(fault=b, times=1)` strike the next two asks in that order.
    """

    fault: Fault
    at: tuple[int, ...] = ()
    every: int = 1
    probability: float = 1.0
    seed: int = 0
    question: str = ""
    times: int | None = None
    billed: bool | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"A fault cannot strike every {self.every!r} asks. Give 1 or more.")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"{self.probability!r} is no probability. Give a number from 0 to 1.")

    @property
    def is_billed(self) -> bool:
        return self.fault.is_billed if self.billed is None else self.billed


@dataclass(slots=True)
class _Line:
    rule: Rule
    random: random.Random
    struck: int = 0


@dataclass(slots=True)
class Script:
    """The rules in force; the first that fits an ask strikes. Asks the gateway turns away of itself are not counted."""

    rules: tuple[Rule, ...] = ()
    asks: int = 0
    _lines: list[_Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = [_Line(rule, random.Random(rule.seed)) for rule in self.rules]  # noqa: S311 - repeatable, not secret

    def strike(self, question: bytes) -> Rule | None:
        """Count one ask and return the rule that strikes it.

        >>> script = Script(rules=(Rule(fault=Fault.NEVER, at=(2,)), Rule(fault=Fault.HTML, every=3)))
        >>> [rule and rule.fault.value for rule in (script.strike(b"") for _ in range(4))]
        [None, 'never', 'html', None]
        """
        self.asks += 1
        for line in self._lines:
            if self._fits(line, question):
                line.struck += 1
                return line.rule
        return None

    def _fits(self, line: _Line, question: bytes) -> bool:
        rule = line.rule
        if rule.times is not None and line.struck >= rule.times:
            return False
        if (rule.at and self.asks not in rule.at) or self.asks % rule.every:
            return False
        if rule.question and rule.question != question.hex():
            return False
        return rule.probability >= 1 or line.random.random() < rule.probability
