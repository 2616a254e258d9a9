"""A pause that the vendor wants is no silence: the terminal says until when nothing is asked."""

import re

import pytest

from tests.campaigns.people import people, write_sheet


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", r"^Waiting until \d\d:\d\d:\d\d \(Beijing time\): the vendor, or the rate, allows no ask before\.$"),
        ("zh", r"^暂停至 \d\d:\d\d:\d\d（北京时间）：服务商或限速在此之前不允许调用。$"),
    ],
)
def test_while_the_vendors_breaker_is_open_the_terminal_says_until_when(desk, vendor, lang, said):
    vendor.post("faults", [{"fault": "breaker_503", "at": [1], "seconds": 2}])
    source = write_sheet(desk.folder / "people.csv", people(5))

    ended = desk.run("run", source, "--yes", "--concurrency", "1", "--lang", lang)

    assert ended.code == 0
    assert len(re.findall(said, ended.err, re.MULTILINE)) == 1
    assert vendor.total() == 6
