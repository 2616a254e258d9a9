"""The threat table: what an attacker or an accident may do, what is held against it, and which tests attack it.

The one thing to know: a test says by `@guards("word")` which row it attacks, `case` being the id of a parametrized one.
`guarded` reads these marks from the source, so SECURITY's table cannot name a test that is not there, and a row without a
test fails `test_threats`. A new row is a line of `Threat`; its word is its name in small letters with dashes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum, StrEnum
from pathlib import Path

import pytest

from tests.marks import TESTS, Proof, by_row, case_in, marked


class Area(StrEnum):
    """What a threat aims at: the headings of the table."""

    LEAKS = "People or AppCode where nobody looks after them"
    REST = "What lies on the disk"
    CACHE = "Code in the cache"
    OUTPUTS = "Files that are handed on"
    INPUTS = "Files that come in"
    PAGE = "The page on loopback"
    NETWORK = "The way to the vendor"
    FILES = "Modes and places of files"
    SUPPLY = "What is installed with it"
    MISUSE = "Those who may use it"


class Threat(Enum):
    """A row of the table: where it belongs, what may happen, and what is held against it."""

    LOGS = (
        Area.LEAKS,
        "Names, numbers or the AppCode in logs, messages, notifications or `--json`",
        "own exceptions without the cause, rows instead of values; a log has what this package logs, and of errors class and place",
    )
    TRACEBACKS = (
        Area.LEAKS,
        "A bug's traceback shows a value",
        "exit 1 with the places of the code only: no message, no local",
    )
    CORE_FILES = (
        Area.LEAKS,
        "A process that dies leaves its memory on the disk",
        "core files are off for every command and its children",
    )
    ARGUMENTS = (
        Area.LEAKS,
        "A secret in the arguments or the environment of a process",
        "no option takes a secret; children get a number or a password over a pipe",
    )
    APP_CODE = (
        Area.LEAKS,
        "The AppCode is shown or readable by others",
        "from the environment, a 0600 file or a prompt; held in a type that shows `***`",
    )
    HOME_BYTES = (
        Area.REST,
        "Somebody reads the home, its logs and free pages included",
        "keys are HMAC-SHA256, answers AES-256-GCM under keys derived from one master; no name and no number in ledger and cache",
    )
    SEALED = (
        Area.REST,
        "An answer is changed, cut or moved to another person",
        "AES-256-GCM with the query's key as additional data: it does not open",
    )
    LOST_KEY = (
        Area.REST,
        "The master key is lost, damaged, loose, or of another home",
        "refused, never made anew beside a ledger",
    )
    ERASURE = (
        Area.REST,
        "Somebody who asked to be forgotten is still in the bytes",
        "`forget` and `purge` overwrite and rewrite; a certificate says what is gone",
    )
    EDITED_LEDGER = (
        Area.REST,
        "A row of the ledger is edited by hand",
        "triggers refuse what is not drawn, attempts are chained, and a report's signature and root no longer fit",
    )
    PICKLE = (
        Area.CACHE,
        "A pickle planted in diskcache (CVE-2025-69872)",
        "a `Disk` of raw bytes only: it is a miss, and nothing runs",
    )
    FORMULAS = (
        Area.OUTPUTS,
        "A cell that begins with `=`, `+`, `-`, `@` becomes a formula or a link",
        "XLSX: string cells; CSV: guarded and counted; HTML escaped, PDF text",
    )
    MASKS = (
        Area.OUTPUTS,
        "Whole numbers in a report or a masked result",
        "one table of masks: card 6+4, ID 3+4, name 张*, mobile 138****1234",
    )
    PASSWORDS = (
        Area.OUTPUTS,
        "A result is taken from a mailbox or a stick",
        "`--protect` encrypts it whole; the password is in no file, no argument and no log",
    )
    FORGED_REPORT = (
        Area.OUTPUTS,
        "A report or a result is edited before it is shown",
        "signed head and root: `report --check` says what does not fit",
    )
    HOSTILE_FILES = (
        Area.INPUTS,
        "Zip bombs, entities, traversal, polyglots, a gigabyte of nothing",
        "counts while inflating, defusedxml, foreign kinds in a child with limits, one sentence and exit 2",
    )
    HOSTILE_ANSWERS = (
        Area.INPUTS,
        "An answer that is huge, endless, unreadable or about somebody else",
        "strict: 64 KiB, identity encoding, one JSON object, no key twice, equal echo",
    )
    HOSTILE_EXPORTS = (
        Area.INPUTS,
        "An export or a result that was tampered with buys or frees what it should not",
        "rows are recognized by what they ask; what the vendor's export cannot prove stays in doubt",
    )
    FORBIDDEN_COLUMNS = (
        Area.INPUTS,
        "CVN, expiry date or password in the sheet",
        "the file is refused: they may not be stored or passed on",
    )
    REBINDING = (
        Area.PAGE,
        "A stranger's name is pointed at 127.0.0.1, and a script of theirs reads the page",
        "the Host header must name this server",
    )
    CROSS_SITE = (
        Area.PAGE,
        "Another site's form or frame acts for whoever is logged in",
        "Origin and Sec-Fetch-Site, a mark of the session in every form, SameSite=Strict, no frames",
    )
    UNINVITED = (
        Area.PAGE,
        "Another user of the machine opens the page",
        "a link that lets in once, of 256 random bits; nothing without its session",
    )
    SCRIPTS = (
        Area.PAGE,
        "A name, a header or a sheet is a script",
        "templates escape everything, and the policy runs no script but the page's own files",
    )
    HOSTILE_FORMS = (
        Area.PAGE,
        "A request without end, without measure or in no form",
        "length, time and parts are bounded before anything is read; a file streams into the desk and nowhere else",
    )
    ENDPOINTS = (
        Area.NETWORK,
        "People are sent to a host that somebody else chose (SSRF)",
        "https only, hosts by name, no user in the address, plain http on loopback only; no file beside the sheet says where",
    )
    REDIRECTS = (
        Area.NETWORK,
        "An answer sends the ask on",
        "no redirect is followed",
    )
    CERTIFICATES = (
        Area.NETWORK,
        "Somebody in between answers for the vendor",
        "own TLS context from 1.2 on, names and certificates always checked; there is no switch to look away",
    )
    ENVIRONMENT = (
        Area.NETWORK,
        "Proxy or key log from the environment",
        "neither is looked at",
    )
    MODES = (
        Area.FILES,
        "Other users of the machine read home, result or scratch",
        "umask 077, 0700 and 0600, scratch inside the home; a loose home is refused with the remedy",
    )
    LINKS = (
        Area.FILES,
        "A link or a name leads a write elsewhere, or onto the input",
        "no link is followed, a new name is put in place whole, never onto the input",
    )

    PLANTED_FILES = (
        Area.FILES,
        "A file of the home is edited, swapped or planted",
        "rows of the cache are vouched for, the ledger is chained, settings that choose who is asked come from the home only",
    )
    DEPENDENCIES = (
        Area.SUPPLY,
        "Another package, or another version, is installed than was tried",
        "a lock with hashes, floors with reasons, nothing imported that the wheel does not declare",
    )
    GUESSING = (
        Area.MISUSE,
        "Somebody finds out which card or name goes with an ID number, one ask after the other",
        "flagged in the plan; twelve asks about one ID number and four about one card in 24 hours, held at the gate",
    )
    DAILY_CAP = (
        Area.MISUSE,
        "Somebody asks about more people in a day than is their work",
        "`asks_per_operator_per_day`, taken from the day in the transaction that begins a run",
    )
    MINORS = (
        Area.MISUSE,
        "Children are asked about",
        "people under 14 are blocked unless the home's settings say that there is a guardian's consent",
    )

    def __init__(self, area: Area, threat: str, control: str) -> None:
        self.area = area
        self.threat = threat
        self.control = control

    @property
    def word(self) -> str:
        """What a test calls the row."""
        return self.name.lower().replace("_", "-")


def guards(*words: str, case: str = "") -> pytest.MarkDecorator:
    """Mark a test as an attack on these rows; `case` is the id of the parametrized test that attacks them."""
    if not words:
        raise TypeError("Name the rows of the threat table that the test attacks.")
    return pytest.mark.threat(*(threat_of(word) for word in words), case=case)


def threat_of(word: str) -> Threat:
    """Find a row by its word. Raises KeyError, which lists all of them."""
    rows = {threat.word: threat for threat in Threat}
    if word not in rows:
        raise KeyError(f"There is no row {word!r} in the threat table. There are: {', '.join(rows)}.")
    return rows[word]


def guarded(folder: Path = TESTS) -> dict[Threat, list[Proof]]:
    """Read from the source which tests attack which rows, in the order of the rows and of the files."""
    return by_row(Threat, marked(_read, by="guards", folder=folder))


def _read(mark: ast.expr, test: str) -> Iterator[tuple[Threat, str]]:
    match mark:
        case ast.Call(func=ast.Name(id="guards"), args=args, keywords=keywords):
            for arg in args:
                if not isinstance(arg, ast.Constant):
                    raise TypeError(f"{test} does not name the rows it attacks by their words.")
                yield threat_of(arg.value), case_in(keywords)
        case _:
            pass
