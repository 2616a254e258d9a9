import pickle
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import HomeError
from batchverify.model import Attempt, AttemptState, Billed, Product
from batchverify.store.cache import Cache, RawDisk
from batchverify.store.vault import Vault
from tests.threats import guards

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
vault = Vault(b"m" * 32)


def an_attempt(number=1, **changes):
    attempt = Attempt(
        number=number,
        job="j-aaaaaaaa",
        run="j-aaaaaaaa.1",
        key=number.to_bytes(16, "big"),
        product=Product.BANK4_DETAIL,
        state=AttemptState.ANSWERED,
        reserved_at=AT,
        settled_at=AT,
        code="01",
        billed=Billed.YES,
        request_id="R-1",
        vendor_at=AT,
        sealed=b"sealed",
    )
    return replace(attempt, **changes)


@pytest.fixture
def cache(tmp_path):
    with Cache.open(tmp_path / "cache", vault=vault) as cache:
        yield cache


def change(cache, statement, *values):
    con = sqlite3.connect(f"{cache._store.directory}/cache.db", isolation_level=None)
    con.execute(statement, values)
    con.close()


def test_what_was_put_is_found_whole(cache):
    attempts = [
        an_attempt(1),
        an_attempt(2, vendor_at=None, settled_at=None, billed=Billed.UNKNOWN, product=Product.ID2, code=""),
    ]
    assert cache.is_empty()
    assert cache.put_many(attempts) == 2

    assert cache.get_many([attempt.key for attempt in attempts] + [b"never"]) == {attempt.key: attempt for attempt in attempts}
    assert not cache.is_empty()


@given(code=st.text(max_size=20), request_id=st.text(max_size=40), sealed=st.binary(min_size=1, max_size=300))
def test_any_texts_of_the_vendor_survive_packing(code, request_id, sealed):
    cache = Cache(None, vault)
    attempt = an_attempt(code=code, request_id=request_id, sealed=sealed)

    assert cache._unpack(attempt.key, cache._pack(attempt)) == attempt


@pytest.mark.parametrize(
    "changes",
    [
        {"state": AttemptState.IN_DOUBT},
        {"state": AttemptState.NOT_BILLED},
        {"holds": False},
        {"sealed": None},
        {"code": "x" * 256},
    ],
)
def test_only_answers_that_hold_their_key_are_kept(cache, changes):
    assert cache.put_many([an_attempt(**changes)]) == 0
    assert cache.is_empty()


def test_a_newer_answer_takes_the_place_of_an_older_one_and_can_be_forgotten(cache):
    cache.put_many([an_attempt(code="02")])
    cache.put_many([an_attempt(code="01")])
    assert cache.get_many([an_attempt().key])[an_attempt().key].code == "01"

    cache.forget([an_attempt().key, b"never"])
    assert cache.is_empty()


class Trap:
    sprung: list[str] = []  # noqa: RUF012 - shared on purpose: unpickling would add to it

    def __reduce__(self):
        return Trap.sprung.append, ("sprung",)


@guards("pickle")
@pytest.mark.parametrize("mode", [4, 1, 2, 3])
def test_a_planted_pickle_is_a_miss_and_nothing_runs(cache, mode):
    """CVE-2025-69872: whoever can write the cache's folder could run code through diskcache's own Disk."""
    cache.put_many([an_attempt()])
    change(cache, "UPDATE Cache SET mode = ?, value = ?", mode, pickle.dumps(Trap()))

    assert cache.get_many([an_attempt().key]) == {}
    assert Trap.sprung == []


@guards("pickle")
def test_a_planted_file_name_is_a_miss(cache, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    cache.put_many([an_attempt()])
    change(cache, "UPDATE Cache SET filename = ?, value = NULL", "../secret")

    assert cache.get_many([an_attempt().key]) == {}


@guards("pickle")
def test_a_planted_key_is_never_unpickled(cache):
    cache.put_many([an_attempt()])
    change(cache, "UPDATE Cache SET raw = 0, key = ?", pickle.dumps(Trap()))

    assert cache.get_many([an_attempt().key]) == {}
    with pytest.raises(HomeError, match="The cache holds a key that is not ours"):
        list(cache._store)
    assert Trap.sprung == []


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda disk: disk.put("text"), "The cache takes keys of bytes only"),
        (lambda disk: disk.store("text", False), "The cache takes bytes only"),
        (lambda disk: disk.store(b"x", True), "The cache takes bytes only"),
        (lambda disk: disk.fetch(1, None, "text", False), "The cache holds an entry that is not ours"),
    ],
)
def test_the_disk_takes_and_gives_bytes_only(tmp_path, act, message):
    with pytest.raises(HomeError, match=message):
        act(RawDisk(str(tmp_path)))


def test_a_key_comes_back_as_it_went_in(cache):
    cache.put_many([an_attempt()])
    assert list(cache._store) == [an_attempt().key]


@guards("sealed", "planted-files")
def test_an_entry_that_was_changed_moved_or_cut_is_a_miss(cache):
    cache.put_many([an_attempt(1), an_attempt(2), an_attempt(3), an_attempt(4)])
    entries = {number: cache._store.get(an_attempt(number).key) for number in range(1, 5)}
    changed = bytearray(entries[1])
    changed[-1] ^= 1
    cache._store.set(an_attempt(1).key, bytes(changed))
    cache._store.set(an_attempt(2).key, entries[3])
    cache._store.set(an_attempt(3).key, b"")
    cache._store.set(an_attempt(4).key, vault.packed_tag(an_attempt(4).key + b"\x01") + b"\x01")

    assert cache.get_many([an_attempt(number).key for number in range(1, 5)]) == {}


def test_an_entry_of_another_form_or_vault_is_a_miss(cache, tmp_path):
    body = b"\x02" + bytes(100)
    cache._store.set(b"k", vault.packed_tag(b"k" + body) + body)
    cache.put_many([an_attempt()])

    assert cache.get_many([b"k"]) == {}
    with Cache.open(tmp_path / "cache", vault=Vault(b"n" * 32)) as other:
        assert other.get_many([an_attempt().key]) == {}


def test_a_damaged_cache_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(b"not a database, but long enough to look like one" * 30)

    with pytest.raises(HomeError, match=r"The cache '.*' cannot be opened: .*Delete that folder; it is a copy only"):
        Cache.open(tmp_path / "cache", vault=vault)


def test_a_cache_that_fails_later_costs_nothing_but_time(cache, caplog):
    cache.put_many([an_attempt()])
    change(cache, "DROP TABLE Cache")

    assert cache.get_many([an_attempt().key]) == {}
    assert cache.put_many([an_attempt(2)]) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "The cache could not be read (OperationalError); the ledger is asked instead.",
        "The cache could not be written (OperationalError); nothing is lost, the ledger has it.",
    ]
    with pytest.raises(HomeError, match="The cache could not be cleared"):
        cache.forget([an_attempt().key])
    change(cache, "DROP TABLE Settings")
    assert cache.is_empty()


def test_what_is_old_foreign_or_named_is_dropped_and_its_bytes_are_gone(tmp_path, cache):
    young, old, named, unknown = (
        an_attempt(
            number,
            key=bytes([200 + number]) * 16,
            sealed=f"answer number {number} ".encode() * 5,
            settled_at=AT + timedelta(days=days),
        )
        for number, days in ((1, 2), (2, 0), (3, 2), (4, 2))
    )
    cache.put_many([young, old, named, unknown])
    change(cache, "UPDATE Cache SET value = x'00' WHERE rowid = 4")  # not ours any more: whose it is, nobody can tell

    dropped = cache.drop(
        {named.key}, before=AT + timedelta(days=1), known=lambda keys: [key for key in keys if key != unknown.key]
    )

    assert dropped == 3
    assert cache.get_many([attempt.key for attempt in (young, old, named, unknown)]) == {young.key: young}
    assert cache.scrub()
    for attempt in (old, named, unknown):
        for path in (tmp_path / "cache").iterdir():
            assert attempt.sealed not in path.read_bytes()
            assert attempt.key not in path.read_bytes()


def test_entries_that_nothing_speaks_against_stay(cache):
    cache.put_many([an_attempt(1), an_attempt(2)])

    assert cache.drop((), before=None, known=lambda keys: keys) == 0
    assert cache.drop((), before=None, known=lambda keys: keys[:1]) == 1
    assert not cache.is_empty()


def test_a_cache_that_cannot_be_read_is_told_where_somebody_relies_on_it(cache):
    change(cache, "DROP TABLE Cache")

    with pytest.raises(HomeError, match=r"The cache could not be read: .*Delete the cache folder; it is a copy only\."):
        cache.drop((), before=AT, known=lambda keys: keys)


def test_a_cache_file_that_is_none_cannot_be_cleared(tmp_path, cache):
    cache.close()
    for path in (tmp_path / "cache").glob("cache.db*"):
        path.unlink()
    (tmp_path / "cache" / "cache.db").write_bytes(b"no database " * 100)

    with pytest.raises(HomeError, match=r"The cache could not be cleared: .*it is a copy only\."):
        cache.scrub()
