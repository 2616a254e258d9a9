"""A figure with its bar, and the table of all of them with the machine they were taken on."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from typing import Any
from unicodedata import east_asian_width

from benchmarks.cores import cores, cpu_name

_LIBRARIES = ("batchverify", "httpx", "httptools", "uvloop", "requests", "pandas", "openpyxl", "python-calamine", "xlsxwriter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The median of `rounds`. `bar` is what PERFORMANCE promises; `at_least` where more is better."""

    what: str
    rounds: tuple[float, ...]
    unit: str = ""
    bar: float | None = None
    at_least: bool = False

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def is_reached(self) -> bool | None:
        """Whether the bar is reached; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "value": self.value,
            "rounds": list(self.rounds),
            "unit": self.unit,
            "bar": self.bar,
            "at_least": self.at_least,
            "reached": self.is_reached,
        }


def figure(what: str, rounds: Iterable[float], unit: str = "", *, bar: float | None = None, at_least: bool = False) -> Figure:
    return Figure(what=what, rounds=tuple(rounds), unit=unit, bar=bar, at_least=at_least)


def machine() -> dict[str, Any]:
    """Give what the figures depend on; the load says how busy others kept the cores meanwhile."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": cpu_name(),
        "cores": os.cpu_count(),
        "pinned": cores().client is not None,
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "versions": {name: version(name) for name in _LIBRARIES},
    }


def table(part: str, figures: Sequence[Figure]) -> str:
    rows = [(part, "median", "lowest .. highest", "bar", "")]
    for one in figures:
        bar = "" if one.bar is None else f"{'>=' if one.at_least else '<='} {_number(one.bar)}"
        spread = f"{_number(min(one.rounds))} .. {_number(max(one.rounds))}" if len(one.rounds) > 1 else ""
        mark = {None: "", True: "reached", False: "MISSED"}[one.is_reached]
        rows.append((one.what, f"{_number(one.value)} {one.unit}".strip(), spread, bar, mark))
    widths = [max(_width(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
