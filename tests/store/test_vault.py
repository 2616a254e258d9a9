import stat
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchverify.errors import HomeError
from batchverify.model import Answer
from batchverify.store.ledger import Ledger
from batchverify.store.vault import Vault
from tests.threats import guards

MATCH = Answer(
    status="01",
    message="验证通过",
    details={
        "bank": "中国建设银行",
        "cardName": "龙卡通",
        "cardType": "借记卡",
        "sex": "男",
        "area": "四川省乐山市夹江县",
        "lastCode": "X",
    },
)
#: Sealed once and kept: a change that makes it unreadable would make every ledger unreadable.
FROZEN = "01070707070707070707070707a0598ea86a13fe1946e483844eadbb3e61c8b036426d988a53bd1170c0870eaf3c72e9c72c181a1fb66ff463b6fa"
vault = Vault(b"m" * 32)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def test_a_new_ledger_gets_a_private_key_and_finds_it_again(tmp_path, ledger):
    first = Vault.open(tmp_path / "master.key", ledger=ledger)
    again = Vault.open(tmp_path / "master.key", ledger=ledger)

    assert first.key(b"q") == again.key(b"q")
    assert ledger.vault_mark() == first.mark == again.mark
    assert (tmp_path / "master.key").stat().st_size == 32
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600


def test_threads_that_start_at_once_agree_on_one_key(tmp_path, ledger):
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(lambda _: Vault.open(tmp_path / "master.key", ledger=ledger), range(8)))

    assert len({vault.mark for vault in vaults}) == 1


@guards("lost-key")
def test_a_lost_key_is_never_made_anew(tmp_path, ledger):
    Vault.open(tmp_path / "master.key", ledger=ledger)
    (tmp_path / "master.key").unlink()

    with pytest.raises(
        HomeError, match=r"The key file '.*master\.key' failed: No such file or directory\. Put back the key file"
    ):
        Vault.open(tmp_path / "master.key", ledger=ledger)
    assert not (tmp_path / "master.key").exists()


@guards("lost-key")
def test_the_key_of_another_ledger_is_refused(tmp_path, ledger):
    Vault.open(tmp_path / "master.key", ledger=ledger)
    (tmp_path / "master.key").write_bytes(b"x" * 32)

    with pytest.raises(HomeError, match=r"is not the one this ledger was written with\. Put back the key file"):
        Vault.open(tmp_path / "master.key", ledger=ledger)


@guards("lost-key")
@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_key_is_refused(tmp_path, ledger, content):
    Vault.open(tmp_path / "master.key", ledger=ledger)
    (tmp_path / "master.key").write_bytes(content)

    with pytest.raises(HomeError, match=r"is damaged: it has not 32 bytes\. Put back the key file"):
        Vault.open(tmp_path / "master.key", ledger=ledger)


@guards("lost-key")
@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing on Windows")
def test_a_key_that_others_may_read_or_that_is_a_link_is_refused(tmp_path, ledger):
    key_file = tmp_path / "master.key"
    Vault.open(key_file, ledger=ledger)
    key_file.chmod(0o640)
    with pytest.raises(HomeError, match=r"Others may read the key file .* Close it with `chmod 600"):
        Vault.open(key_file, ledger=ledger)

    key_file.chmod(0o600)
    key_file.rename(tmp_path / "elsewhere")
    key_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError, match=r"The key file .* failed: .*symbolic links"):
        Vault.open(key_file, ledger=ledger)


def test_keys_and_tags_of_one_text_differ_by_purpose_and_by_vault():
    number = "110101199003070011"
    made = [vault.key(number.encode()), vault.id_tag(number), vault.card_tag(number), vault.packed_tag(number.encode())]

    assert len(set(made)) == 4
    assert {len(tag) for tag in made} == {16}
    assert len(vault.row_tag(number.encode())) == 8
    assert bytes.fromhex(vault.row_tag(number.encode())) not in {tag[:4] for tag in made}
    assert Vault(b"n" * 32).id_tag(number) != vault.id_tag(number)


def test_a_key_is_the_hmac_of_its_material():
    """An independent reading of HKDF (RFC 5869) and HMAC, so that old ledgers stay readable whatever changes here."""
    import hashlib
    import hmac

    extracted = hmac.new(bytes(32), b"m" * 32, hashlib.sha256).digest()
    derived = hmac.new(extracted, b"batchverify 1 key\x01", hashlib.sha256).digest()

    assert vault.key(b"material") == hmac.new(derived, b"material", hashlib.sha256).digest()[:16]


@given(
    status=st.text(max_size=5),
    message=st.text(max_size=20),
    details=st.dictionaries(st.sampled_from(["bank", "area", "x"]), st.text(max_size=300)),
)
def test_what_is_sealed_opens_as_it_was(status, message, details):
    answer = Answer(status=status, message=message, details=details)

    assert vault.open_sealed(b"k" * 16, vault.seal(b"k" * 16, answer)) == answer


def test_a_match_is_sealed_in_less_than_half_of_its_size_and_never_twice_alike():
    one, two = vault.seal(b"k" * 16, MATCH), vault.seal(b"k" * 16, MATCH)

    assert one != two
    assert len(one) < 100
    assert "建设".encode() not in one


def test_a_sealed_answer_of_format_1_opens_for_ever():
    sealed = Vault(b"m" * 32, random=lambda size: b"\x07" * size).seal(b"k" * 16, MATCH)

    assert sealed.hex() == FROZEN
    assert vault.open_sealed(b"k" * 16, bytes.fromhex(FROZEN)) == MATCH


@guards("sealed")
@pytest.mark.parametrize("position", [1, 13, 30, -1])
def test_a_changed_answer_does_not_open(position):
    sealed = bytearray(vault.seal(b"k" * 16, MATCH))
    sealed[position] ^= 1

    with pytest.raises(HomeError, match=r"A stored answer does not open under its key.*Nothing is asked again") as caught:
        vault.open_sealed(b"k" * 16, bytes(sealed))
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("sealed", [b"\x01", b"\x01short"])
def test_a_cut_answer_does_not_open(sealed):
    with pytest.raises(HomeError, match="does not open under its key"):
        vault.open_sealed(b"k" * 16, sealed)


@guards("sealed")
def test_an_answer_opens_under_no_other_key_and_in_no_other_vault():
    sealed = vault.seal(b"k" * 16, MATCH)

    for other, key in ((vault, b"l" * 16), (Vault(b"n" * 32), b"k" * 16)):
        with pytest.raises(HomeError, match="does not open under its key"):
            other.open_sealed(key, sealed)


def test_an_unknown_format_asks_for_an_update():
    with pytest.raises(HomeError, match="has a form this version does not know"):
        vault.open_sealed(b"k" * 16, b"\x02" + bytes(40))
