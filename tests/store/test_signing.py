"""Signatures: who has the key can sign, everybody can look, and nothing else passes."""

from __future__ import annotations

import pytest

from batchverify.store.signing import Signer, fingerprint, is_signed

SIGNER = Signer(bytes(range(32)))
MESSAGE = b'{"rows":3}'


def test_a_signature_is_the_same_each_time_and_holds():
    signature = SIGNER.sign(MESSAGE)

    assert signature == Signer(bytes(range(32))).sign(MESSAGE)
    assert is_signed(MESSAGE, public_key=SIGNER.public_key, signature=signature)


def test_it_holds_for_no_other_message_key_or_signature():
    signature = SIGNER.sign(MESSAGE)
    other = Signer(bytes(32))

    assert not is_signed(b'{"rows":4}', public_key=SIGNER.public_key, signature=signature)
    assert not is_signed(MESSAGE, public_key=other.public_key, signature=signature)
    assert not is_signed(MESSAGE, public_key=SIGNER.public_key, signature=other.sign(MESSAGE))


@pytest.mark.parametrize(
    ("public_key", "signature"),
    [
        ("", SIGNER.sign(MESSAGE)),
        (SIGNER.public_key.upper(), SIGNER.sign(MESSAGE)),
        (SIGNER.public_key, SIGNER.sign(MESSAGE).upper()),
        (SIGNER.public_key, SIGNER.sign(MESSAGE) + "00"),
        (SIGNER.public_key, "?" * 128),
        ("f" * 64, SIGNER.sign(MESSAGE)),
    ],
)
def test_what_is_no_key_or_no_signature_holds_nothing(public_key, signature):
    assert not is_signed(MESSAGE, public_key=public_key, signature=signature)


def test_fingerprints_of_different_keys_differ():
    assert fingerprint(SIGNER.public_key) != fingerprint(Signer(bytes(32)).public_key)
