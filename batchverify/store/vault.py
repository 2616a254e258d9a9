"""The vault: what may be remembered of a person, and only in this form.

The one thing to know: a plain hash of an ID number falls in seconds, so keys and tags are HMACs, and answers are
encrypted. All keys come from the key file beside the ledger. Lost, it makes the ledger blind: every question would
look new and be paid again. So it is never made anew beside a ledger that knows one. After `key rotate` the hashes are
wrapped once more (`key_ring`), so that an old key file tells nothing of a newer ledger.
"""

from __future__ import annotations

import hmac
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from batchverify.errors import HomeError
from batchverify.model import Answer
from batchverify.store.files import create_once, home_errors, write_synced
from batchverify.store.key_ring import KEY_BYTES, REMEDY, KeyRing, read_ring
from batchverify.store.signing import Signer

TAG_BYTES = 16
NONCE_BYTES = 12
#: The first byte of what is sealed says how the rest is read. 1: AES-256-GCM over raw deflate with the words below.
SEAL_FORMAT = b"\x01"

# What answers are mostly made of: with it an answer of 270 bytes takes about 60, for 3 µs. Part of format 1: any change
# of it needs a new format byte. Frequent words stand at the end, where deflate finds them with the shortest distance.
_WORDS = (
    "贷记卡准贷记卡预付费卡信用卡储蓄卡福建省海南省甘肃省青海省宁夏回族自治区新疆维吾尔自治区西藏自治区内蒙古自治区广西壮族自治区"
    "黑龙江省吉林省辽宁省天津市重庆市陕西省山西省贵州省云南省江西省安徽省湖南省湖北省河北省上海市北京市江苏省浙江省四川省"
    "山东省河南省广东省自治州自治县市辖区中国民生银行中国光大银行兴业银行广发银行华夏银行平安银行中信银行浦东发展银行"
    "农村信用社农村商业银行中国邮政储蓄银行绿卡通交通银行太平洋借记卡招商银行一卡通中国银行长城电子借记卡中国农业银行金穗通宝卡"
    "中国工商银行牡丹灵通卡中国建设银行龙卡通无法验证姓名输入错误身份证号输入错误银行卡号输入错误实名认证通过！"
    '["202","203","204","205","206","02","验证不通过",{}]'
    '["01","验证通过",{"bank":"中国建设银行","cardName":"龙卡通","cardType":"借记卡","sex":"女","sex":"男","area":"省市区县",'
    '"province":"省","city":"市","prefecture":"县","prefecture":"区","birthday":"200-0119-1019-1","addrCode":"110101","lastCode":"1"}]'
).encode()

#: Raw deflate over 4 KiB: the words and an answer, and little to set up for each.
_WINDOW_BITS = -12

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class MarkKeeper(Protocol):
    """What the vault needs of a ledger: to remember which vault it belongs to."""

    def vault_mark(self) -> str | None: ...
    def bind_vault(self, mark: str) -> str: ...
    def keep_to_vault(self, mark: str) -> None: ...


class Asked(NamedTuple):
    """What a ledger keeps of a question: only bytes that need the key file."""

    key: bytes
    id_tag: bytes
    card_tag: bytes | None
    nonce: bytes | None = None
    sealed: bytes | None = None


class Vault:
    """Keys, tags and sealed answers of one realm. `wrap` is the wrapping key of the day, None in generation 0.

    `random(n)` gives n unpredictable bytes.
    """

    def __init__(
        self, base: bytes, *, wrap: bytes | None = None, generation: int = 0, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._key = _derive(base, "key")
        self._id = _derive(base, "id")
        self._card = _derive(base, "card")
        self._row = _derive(base, "row")
        self._leaf = _derive(base, "leaf")
        # Of the day: who had the base key, and an old wrapping key, reads nothing that was wrapped since.
        day = base if wrap is None else _derive(base + wrap, "day")
        self._packed = _derive(day, "cache")
        self._cipher = AESGCM(_derive(day, "seal"))
        self._wraps = None if wrap is None else {purpose: _wrapping(day, purpose) for purpose in ("key", "id", "card")}
        self._folding = AESGCM(_derive(day, "fold"))
        self._random = random
        self.generation = generation
        #: Signs audit reports; its public key may be known to everybody, and stays, so that reports stay genuine.
        self.signer = Signer(_derive(base, "sign"))
        #: Says which vault this is, and nothing about its keys.
        self.mark = _derive(day, "mark")[:8].hex()

    @classmethod
    def open(cls, key_file: Path, *, ledger: MarkKeeper, random: Callable[[int], bytes] = os.urandom) -> Vault:
        """Open the vault of `ledger`; a ledger without one gets a new key file. Two processes at once agree on it.

        Raises HomeError when the key file is missing, damaged, open to others, or another ledger's. Nothing was sent.
        """
        known = ledger.vault_mark()
        with home_errors("The key file", key_file, remedy=REMEDY):
            if known is None:
                create_once(key_file, lambda fresh: write_synced(fresh, random(KEY_BYTES)))
            ring = read_ring(key_file)
        if known is None:
            known = ledger.bind_vault(cls.of(ring, ring.newest).mark)
        for generation in sorted(ring.wraps, reverse=True):
            vault = cls.of(ring, generation, random=random)
            if vault.mark == known:
                ledger.keep_to_vault(vault.mark)
                return vault
        if ledger.vault_mark() != known:  # renewed between the two looks
            return cls.open(key_file, ledger=ledger, random=random)
        raise HomeError(f"The key file {str(key_file)!r} is not the one this ledger was written with. {REMEDY}")

    @classmethod
    def of(cls, ring: KeyRing, generation: int, *, random: Callable[[int], bytes] = os.urandom) -> Vault:
        """Give the vault of one generation of a ring."""
        return cls(ring.base, wrap=ring.wraps[generation], generation=generation, random=random)

    def key(self, material: bytes) -> bytes:
        """Make the key of a query from `rules.key_material`: 16 bytes, the same for equal queries."""
        return self._wrapped("key", hmac.digest(self._key, material, "sha256")[:TAG_BYTES])

    def id_tag(self, id_card: str) -> bytes:
        """Stand for an ID number: 16 bytes."""
        return self._wrapped("id", hmac.digest(self._id, id_card.encode(), "sha256")[:TAG_BYTES])

    def card_tag(self, account_no: str) -> bytes:
        """Stand for a card number: 16 bytes, unlike those of an ID number with the same digits."""
        return self._wrapped("card", hmac.digest(self._card, account_no.encode(), "sha256")[:TAG_BYTES])

    def mark_of(self, key: bytes) -> str:
        """Give the short mark of a question for `bv_row`: 8 hex digits, the same whatever its key was wrapped in."""
        return self._unwrapped("key", key)[:4].hex()

    def row_tag(self, material: bytes) -> str:
        """Make the `bv_row` of a row from its content: 8 hex digits, to find the row again in an edited result."""
        return hmac.digest(self._row, material, "sha256")[:4].hex()

    def leaf_salt(self, material: bytes) -> bytes:
        """Salt the leaf of a row in an audit report: 16 bytes, so that a proof of one row lets nobody guess at another."""
        return hmac.digest(self._leaf, material, "sha256")[:TAG_BYTES]

    def packed_tag(self, packed: bytes) -> bytes:
        """Vouch for a packed cache entry: 16 bytes."""
        return hmac.digest(self._packed, packed, "sha256")[:TAG_BYTES]

    def seal(self, key: bytes, answer: Answer) -> bytes:
        """Encrypt an answer so that it opens under its own key only. Never twice the same bytes."""
        nonce = self._random(NONCE_BYTES)
        plain = _to_json([answer.status, answer.message, dict(answer.details)]).encode()
        deflate = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, 3, zlib.Z_DEFAULT_STRATEGY, _WORDS)
        return SEAL_FORMAT + nonce + self._cipher.encrypt(nonce, deflate.compress(plain) + deflate.flush(), SEAL_FORMAT + key)

    def open_sealed(self, key: bytes, sealed: bytes) -> Answer:
        """Decrypt an answer. Raises HomeError when it was changed, or belongs to another key or another vault."""
        status, message, details = json.loads(_inflate(self._opened(key, sealed)))
        return Answer(status=status, message=message, details=details)

    def rewrapped(self, asked: Asked, *, before: Vault) -> Asked:
        """Give what the ledger keeps of a question as this vault has it, of what `before` had. Raises HomeError as `open_sealed`."""
        key, nonce, sealed = self._moved("key", asked.key, before), asked.nonce, asked.sealed
        if nonce is not None:
            # Events were made over what was there before: a new nonce carries that along, under the key of the day.
            fresh, earlier = self._random(TAG_BYTES), [*before.before(nonce, asked.key), (nonce[:TAG_BYTES], asked.key)]
            plain = b"".join(old_nonce + old_key for old_nonce, old_key in earlier)
            nonce = fresh + self._folding.encrypt(fresh[:NONCE_BYTES], plain, key)
        if sealed is not None:
            fresh = self._random(NONCE_BYTES)
            sealed = SEAL_FORMAT + fresh + self._cipher.encrypt(fresh, before._opened(asked.key, sealed), SEAL_FORMAT + key)
        return Asked(
            key=key,
            id_tag=self._moved("id", asked.id_tag, before),
            card_tag=None if asked.card_tag is None else self._moved("card", asked.card_tag, before),
            nonce=nonce,
            sealed=sealed,
        )

    def before(self, nonce: bytes, key: bytes) -> list[tuple[bytes, bytes]]:
        """Give each nonce and key that a question had before it was wrapped anew, oldest first.

        Raises HomeError where they were changed.
        """
        if len(nonce) <= TAG_BYTES:
            return []
        try:
            plain = self._folding.decrypt(nonce[:NONCE_BYTES], nonce[TAG_BYTES:], key)
        except (InvalidTag, ValueError):
            raise HomeError("A record of the ledger was changed, or the key file is another ledger's.") from None
        halves = [plain[at : at + TAG_BYTES] for at in range(0, len(plain), TAG_BYTES)]
        return list(zip(halves[::2], halves[1::2], strict=True))

    def _opened(self, key: bytes, sealed: bytes) -> bytes:
        if sealed[:1] != SEAL_FORMAT:
            raise HomeError("A stored answer has a form this version does not know. Update batchverify. Nothing is asked again.")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, SEAL_FORMAT + key)
        except (InvalidTag, ValueError):
            raise HomeError(
                "A stored answer does not open under its key: it was changed, or the key file is another ledger's. Nothing is asked again. "
                "Look with `batchverify doctor`."
            ) from None

    def _moved(self, purpose: str, tag: bytes, before: Vault) -> bytes:
        return self._wrapped(purpose, before._unwrapped(purpose, tag))

    def _wrapped(self, purpose: str, tag: bytes) -> bytes:
        return tag if self._wraps is None else self._wraps[purpose].encryptor().update(tag)

    def _unwrapped(self, purpose: str, tag: bytes) -> bytes:
        return tag if self._wraps is None else self._wraps[purpose].decryptor().update(tag)


def _inflate(deflated: bytes) -> bytes:
    inflate = zlib.decompressobj(_WINDOW_BITS, _WORDS)
    return inflate.decompress(deflated) + inflate.flush()


def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"batchverify 1 {purpose}".encode()).derive(master)


def _wrapping(day: bytes, purpose: str) -> Cipher[ECB]:
    # One block and no more: for 16 bytes that are different each time, ECB is the block cipher itself, a keyed permutation.
    return Cipher(AES(_derive(day, f"wrap {purpose}")), ECB())  # noqa: S305
