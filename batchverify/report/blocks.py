"""What an audit report is made of, whatever it is written as: sections of facts, tables, drawings and sentences.

The one thing to know: every text in them is plain. A name with `<`, `#` or `=` in it is a name; it is for each writer to
see that it stays one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batchverify.words import Lang


class Kind(StrEnum):
    """What a value is, which decides how it is set: figures to the right, codes in a type that tells 0 from O."""

    TEXT = "text"
    FIGURE = "figure"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Labels with their values, each value with its kind."""

    rows: tuple[tuple[str, str, Kind], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table. With `sums`, its last row is the sum of the others. `weights` are the widths of the columns against each other."""

    heads: tuple[str, ...]
    kinds: tuple[Kind, ...]
    rows: tuple[tuple[str, ...], ...]
    weights: tuple[int, ...]
    sums: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing."""

    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence or two."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """Lines to sign on: who, and the word for the date."""

    roles: tuple[str, ...]
    date: str


Block = Facts | Grid | Chart | Note | SignOff


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The whole report. `banner` is "" unless the answers were made up; `foot` stands on every page."""

    lang: Lang
    title: str
    subtitle: str
    banner: str
    foot: str
    page_word: str
    ended_at: str
    sections: tuple[Section, ...]
