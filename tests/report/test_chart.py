"""Bars as SVG: what is there is seen, nothing is lost by merging, and no text is markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from batchverify.report.chart import WIDTH, Bar, bars, columns

WORDS = ("billed", "others")


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def rectangles(svg: str) -> list[dict[str, str]]:
    return [found.attrib for found in drawn(svg).iter() if found.tag.endswith("rect")]


def test_bars_are_as_long_as_their_values():
    first, second = (
        float(one["width"]) for one in rectangles(bars([Bar(label="a", value=10), Bar(label="b", value=5)], title="t"))
    )

    assert first == pytest.approx(2 * second)


def test_one_among_a_million_is_still_seen():
    small = rectangles(bars([Bar(label="a", value=1_000_000), Bar(label="b", value=1)], title="t"))[1]

    assert float(small["width"]) >= 2


@pytest.mark.parametrize("rows", [[], [Bar(label="a", value=0)]])
def test_nothing_has_no_bar(rows):
    assert rectangles(bars(rows, title="t")) == []
    assert len(rectangles(columns(rows, title="t", words=WORDS))) == 2  # those of the legend


def test_what_may_come_on_top_is_pale_and_begins_at_the_same_place():
    whole, sure = rectangles(bars([Bar(label="a", value=4, more=1)], title="t"))

    assert (whole["fill-opacity"], sure["fill-opacity"]) == ("0.35", "1")
    assert whole["x"] == sure["x"]
    assert float(whole["width"]) > float(sure["width"])


def test_texts_are_escaped():
    svg = bars([Bar(label="<b>&", value=1, shown='"><script>')], title="</title><script>")

    assert {found.tag.rpartition("}")[2] for found in drawn(svg).iter()} == {"svg", "title", "rect", "text"}


def test_many_windows_are_added_up_and_none_is_lost():
    many = [Bar(label=f"{number}", value=number % 7, more=1) for number in range(1000)]

    columns_drawn = rectangles(columns(many, title="t", words=WORDS))[2:]
    highest = re.search(r">(\d+)</text></svg>|>(\d+)</text>", columns(many, title="t", words=WORDS))

    assert len(columns_drawn) <= 2 * 48
    assert all(0 <= float(one["x"]) <= WIDTH for one in columns_drawn)
    assert highest is not None


def test_a_merged_column_is_the_sum_of_its_windows():
    pairs = [Bar(label=f"{number}", value=1) for number in range(96)]
    svg = columns(pairs, title="t", words=WORDS)

    assert len(rectangles(svg)) == 2 + 48
    assert ">2</text>" in svg  # the height of the axis


def test_the_same_figures_give_the_same_bytes():
    rows = [Bar(label="10:50", value=3, more=1)]

    assert columns(rows, title="t", words=WORDS) == columns(rows, title="t", words=WORDS)
    assert "script" not in columns(rows, title="t", words=WORDS)
