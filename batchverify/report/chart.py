"""Bars as SVG, for the page and the PDF alike: pure text in, text out.

The one thing to know: there is no script, no outside resource and no random id in them, so the same figures give the same
bytes. That, and two kinds of bars, is all a report needs; a chart library would bring all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
_FONT = "Noto Sans CJK SC, Noto Sans SC, Microsoft YaHei, PingFang SC, Noto Sans, Arial, sans-serif"
_INK, _FAINT, _RULE = "#1f2933", "#5f6b7a", "#d5dbe3"

_ROW, _BAR, _LABEL, _VALUE = 24, 15, 190, 96
_COLUMNS_HEIGHT, _AXIS, _LEGEND = 150, 30, 22
_MOST_COLUMNS = 48
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of one or two parts: `value` in the color of the chart or its own, `more` on top of it, pale."""

    label: str
    value: int
    more: int = 0
    shown: str = ""
    color: str = "#1f4e78"


def bars(rows: Sequence[Bar], *, title: str) -> str:
    """Draw bars from left to right, each in a line with its label and its figure.

    >>> "<rect" in bars([Bar(label="a", value=1)], title="t")
    True
    """
    longest = max((row.value + row.more for row in rows), default=0)
    room = WIDTH - _LABEL - _VALUE
    parts = []
    for place, row in enumerate(rows):
        top = place * _ROW
        middle = top + _ROW // 2 + 4
        width, more = _length(row.value, longest, room), _length(row.value + row.more, longest, room)
        parts.append(_text(_LABEL - 10, middle, row.label, anchor="end"))
        if more > width:
            parts.append(_rect(_LABEL, top + (_ROW - _BAR) // 2, more, _BAR, row.color, opacity="0.35"))
        if width:
            parts.append(_rect(_LABEL, top + (_ROW - _BAR) // 2, width, _BAR, row.color))
        parts.append(_text(_LABEL + max(width, more) + 8, middle, row.shown or f"{row.value:,}"))
    return _svg(parts, height=max(1, len(rows)) * _ROW, title=title)


def columns(rows: Sequence[Bar], *, title: str, words: tuple[str, str]) -> str:
    """Draw columns over time. `words` name the two parts. Of very many, neighbors are added up.

    >>> columns([Bar(label="10:50", value=2, more=1)], title="t", words=("billed", "others")).count("<rect")
    4
    """
    merged = _merged(rows)
    highest = max((row.value + row.more for row in merged), default=0)
    left, room = 56, WIDTH - 64
    slot = room / max(len(merged), 1)
    width = min(max(slot * 0.7, 2), 48)
    base = _LEGEND + _COLUMNS_HEIGHT
    parts = [*_legend(words), *_grid(highest, left, room, base)]
    every = -(-len(merged) // _MOST_TICKS)
    for place, row in enumerate(merged):
        middle = left + slot * (place + 0.5)
        low = _length(row.value, highest, _COLUMNS_HEIGHT)
        high = _length(row.value + row.more, highest, _COLUMNS_HEIGHT)
        if high > low:
            parts.append(_rect(middle - width / 2, base - high, width, high - low, row.color, opacity="0.35"))
        if low:
            parts.append(_rect(middle - width / 2, base - low, width, low, row.color))
        if place % every == 0:
            parts.append(_text(middle, base + 18, row.label, anchor="middle", size=11, color=_FAINT))
    return _svg(parts, height=base + _AXIS, title=title)


def _merged(rows: Sequence[Bar]) -> list[Bar]:
    """Add up neighbors until no more than fit are left. The label is that of the first."""
    each = -(-len(rows) // _MOST_COLUMNS) or 1
    return [
        Bar(
            label=group[0].label,
            value=sum(row.value for row in group),
            more=sum(row.more for row in group),
            color=group[0].color,
        )
        for group in (rows[at : at + each] for at in range(0, len(rows), each))
    ]


def _legend(words: tuple[str, str]) -> list[str]:
    parts = []
    for place, (word, opacity) in enumerate(zip(words, ("1", "0.35"), strict=True)):
        left = 56 + place * 170
        parts += [_rect(left, 3, 10, 10, "#1f4e78", opacity=opacity), _text(left + 16, 12, word, size=11, color=_FAINT)]
    return parts


def _grid(highest: int, left: int, room: int, base: int) -> list[str]:
    """The zero line, and one at the highest value with its figure."""
    parts = []
    for value, top in ((0, base), (highest, base - _COLUMNS_HEIGHT)):
        parts.append(f'<line x1="{left}" y1="{top}" x2="{left + room}" y2="{top}" stroke="{_RULE}" stroke-width="1"/>')
        parts.append(_text(left - 6, top + 4, f"{value:,}", anchor="end", size=11, color=_FAINT))
    return parts


def _length(value: int, longest: int, room: int) -> float:
    """A length that is seen where there is anything to see."""
    return max(2.0, value / longest * room) if value and longest else 0.0


def _rect(left: float, top: float, width: float, height: float, color: str, *, opacity: str = "1") -> str:
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}" fill-opacity="{opacity}"/>'
    )


def _text(left: float, top: float, text: str, *, anchor: str = "start", size: int = 12, color: str = _INK) -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'


def _svg(parts: Sequence[str], *, height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'font-family="{_FONT}"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
