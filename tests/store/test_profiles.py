"""Named columns in the home: whole or not at all, for as many headers as there is room for, by any number of processes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from batchverify.errors import HomeError
from batchverify.model import Field
from batchverify.store import profiles as profiles_module
from batchverify.store.home import Home
from batchverify.store.profiles import Profile, Profiles


@pytest.fixture
def place(home) -> Home:
    return Home.open(home)


def keep(place, *words, column=0):
    Profiles(place).keep(words, lambda fingerprint: Profile(header=fingerprint(words), fields={Field.NAME: column}))


def found(place, *words):
    profiles = Profiles(place)
    return profiles.find(profiles.fingerprint(words))


def test_what_was_kept_is_found_under_the_same_words_in_the_same_order_only(place):
    keep(place, "a", "b", column=1)

    assert found(place, "a", "b").fields == {Field.NAME: 1}
    assert [found(place, *words) for words in (("b", "a"), ("ab",), ("a",), ("a", "b", ""), ())] == [None] * 5


def test_a_later_one_takes_the_place_of_an_earlier_one(place):
    keep(place, "a", column=1)
    keep(place, "a", column=2)

    assert (found(place, "a").fields, len(Profiles(place))) == ({Field.NAME: 2}, 1)


def test_two_homes_have_nothing_in_common(place, tmp_path):
    other = Home.open(tmp_path / "other")
    for one in (place, other):
        keep(one, "a")

    first, second = (set(json.loads((one.path / "profiles.json").read_text())["profiles"]) for one in (place, other))

    assert first.isdisjoint(second)


def test_the_oldest_goes_where_there_are_too_many(place, monkeypatch):
    monkeypatch.setattr(profiles_module, "_MOST", 3)
    for word in "abcd":
        keep(place, word)
    keep(place, "b")
    keep(place, "e")

    assert [word for word in "abcde" if found(place, word)] == ["b", "d", "e"]


def test_several_that_keep_at_once_lose_none(place):
    with ThreadPoolExecutor(8) as crew:
        list(crew.map(lambda number: keep(place, str(number)), range(24)))

    assert len(Profiles(place)) == 24
    assert all(found(place, str(number)) for number in range(24))


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(place, monkeypatch):
    keep(place, "a")

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(profiles_module.os, "fsync", fails)
    with pytest.raises(HomeError, match=r"Writing '.*profiles\.json' failed: No space left on device"):
        keep(place, "b")

    assert (len(Profiles(place)), found(place, "b")) == (1, None)
    assert list(place.tmp.iterdir()) == []


def test_what_a_writer_that_was_killed_left_goes_with_the_next(place):
    (place.tmp / "profiles-abc").write_text("{")

    keep(place, "a")

    assert list(place.tmp.iterdir()) == []


def test_whoever_holds_the_file_for_too_long_is_told_of(place, monkeypatch):
    monkeypatch.setattr(profiles_module, "_LOCK_SECONDS", 0.05)
    with FileLock(place.locks / "profiles.json.lock"), pytest.raises(HomeError, match="is being written by another process"):
        keep(place, "a")


def test_a_file_that_cannot_be_read_is_as_none(place):
    (place.path / "profiles.json").mkdir()

    assert len(Profiles(place)) == 0
