"""The key file and the wrapping: what is renewed, what stays, and that nobody opens the new with the old."""

from __future__ import annotations

import os
import sys

import pytest

from batchverify.errors import HomeError
from batchverify.model import Answer
from batchverify.store.key_ring import KeyRing, read_ring, write_ring
from batchverify.store.ledger.chain import commitment
from batchverify.store.vault import Asked, Vault
from tests.threats import guards

BASE = b"b" * 32
ANSWER = Answer(status="01", message="验证通过", details={"bank": "中国银行"})
first = KeyRing(base=BASE)
second = first.begun(b"1" * 32)
third = second.settled().begun(b"2" * 32)


def asked_in(vault: Vault) -> Asked:
    key = vault.key(b"material")
    return Asked(
        key=key, id_tag=vault.id_tag("id"), card_tag=vault.card_tag("card"), nonce=b"n" * 16, sealed=vault.seal(key, ANSWER)
    )


@pytest.mark.parametrize("ring", [first, second, second.settled(), third, third.settled()])
def test_a_ring_is_read_as_it_was_written(tmp_path, ring):
    write_ring(tmp_path / "master.key", ring)

    assert read_ring(tmp_path / "master.key") == ring
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_key_file_that_was_never_renewed_is_its_32_bytes_and_a_settled_one_has_no_old_key(tmp_path):
    assert first.as_bytes() == BASE
    assert b"1" * 32 in third.as_bytes()
    assert b"1" * 32 not in third.settled().as_bytes()
    assert (first.newest, second.newest, third.settled().newest) == (0, 1, 2)


@guards("lost-key")
@pytest.mark.parametrize("at", [0, 7, 8, 20, 60, -1])
def test_a_key_file_with_a_changed_byte_is_refused(tmp_path, at):
    content = bytearray(third.as_bytes())
    content[at] ^= 1
    (tmp_path / "master.key").write_bytes(content)
    (tmp_path / "master.key").chmod(0o600)

    with pytest.raises(HomeError, match="is damaged"):
        read_ring(tmp_path / "master.key")


@guards("lost-key")
def test_a_cut_key_file_is_refused(tmp_path):
    whole = third.as_bytes()
    for length in (1, 8, 40, len(whole) - 36, len(whole) - 1, len(whole) + 1):
        with pytest.raises(ValueError):
            KeyRing.from_bytes((whole + b"x")[:length])


@guards("lost-key")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_of_another_user_is_refused(tmp_path):
    write_ring(tmp_path / "master.key", first)
    os.chown(tmp_path / "master.key", 65534, 65534)

    with pytest.raises(HomeError, match="belongs to another user, who may know it"):
        read_ring(tmp_path / "master.key")


def test_a_key_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    write_ring(tmp_path / "master.key", first)
    (tmp_path / "master.key.new").mkdir()

    with pytest.raises(HomeError, match=r"Writing the key file '.*' failed: .*works on as it was; do the same again\."):
        write_ring(tmp_path / "master.key", second)
    assert read_ring(tmp_path / "master.key") == first


@pytest.mark.parametrize("generations", [1, 2, 4])
def test_what_was_known_under_old_keys_is_found_under_the_newest_by_the_same_fields(generations):
    vault, ring = Vault.of(first, 0), first
    asked, mark = asked_in(vault), vault.mark_of(vault.key(b"material"))
    tag = commitment(asked.nonce, asked.key)
    for number in range(generations):
        ring = ring.begun(bytes([number]) * 32)
        vault, before = Vault.of(ring, ring.newest), vault
        asked, ring = vault.rewrapped(asked, before=before), ring.settled()

    assert (asked.key, asked.id_tag, asked.card_tag) == (vault.key(b"material"), vault.id_tag("id"), vault.card_tag("card"))
    assert vault.open_sealed(asked.key, asked.sealed) == ANSWER
    assert vault.mark_of(asked.key) == mark, "so that a result drawn again has the same bytes"
    assert commitment(*vault.before(asked.nonce, asked.key)[0]) == tag
    assert len(vault.before(asked.nonce, asked.key)) == generations
    assert vault.signer.public_key == Vault(BASE).signer.public_key


@guards("home-bytes")
def test_an_old_key_file_tells_nothing_of_a_newer_ledger():
    """The thief has the key file of before the renewal, a copy of the ledger of after it, and the right guess."""
    old, new = Vault.of(first, 0), Vault.of(second, 1)
    before = asked_in(old)
    after = new.rewrapped(before, before=old)

    for one in range(5):
        assert before[one] != after[one]
    assert {old.key(b"material"), old.id_tag("id"), old.card_tag("card")}.isdisjoint(after)
    with pytest.raises(HomeError, match="does not open under its key"):
        old.open_sealed(after.key, after.sealed)
    with pytest.raises(HomeError, match="does not open under its key"):
        old.open_sealed(before.key, after.sealed)
    # The events of before are still there. To test a guess against them takes the nonce, which is folded away.
    event = commitment(before.nonce, before.key)
    assert commitment(after.nonce, before.key) != event
    assert before.nonce not in after.nonce
    with pytest.raises(HomeError, match="A record of the ledger was changed"):
        old.before(after.nonce, after.key)
    assert old.mark != new.mark


def test_a_question_without_card_answer_or_nonce_is_wrapped_too():
    old, new = Vault.of(first, 0), Vault.of(second, 1)

    after = new.rewrapped(Asked(key=old.key(b"m"), id_tag=old.id_tag("id"), card_tag=None), before=old)

    assert after == Asked(key=new.key(b"m"), id_tag=new.id_tag("id"), card_tag=None)


@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")
def test_a_renewed_key_file_is_private(tmp_path):
    before = os.umask(0)
    try:
        write_ring(tmp_path / "master.key", second)
    finally:
        os.umask(before)

    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
