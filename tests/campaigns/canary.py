"""Made-up people who must stand in their own sheets and results only, and a search of everything else that comes to be.

    python -m tests.campaigns.canary

The one thing to know: a canary is searched for as it would be written by whoever leaks it: in UTF-8, GB 18030, UTF-16, in a
URL, in JSON with escapes, as hex and base64, backwards, and in groups of four; and in what is packed in a zip or a PDF, too.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.campaigns.people import Person

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
#: Shorter than this the beginning that all spellings of a family share would be found by chance.
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class _Family:
    """The spellings of one kind in one way. Whoever begins as none of them does is none of them."""

    kind: str
    needles: tuple[bytes, ...]
    beginning: bytes

    def is_in(self, content: bytes) -> bool:
        if len(self.beginning) >= _SHORTEST and self.beginning not in content:
            return False
        return any(needle in content for needle in self.needles)


@dataclass(slots=True, kw_only=True)
class Search:
    """What to look for, how many places were looked at, and what was found where. A hit names the place, not the canary."""

    families: Sequence[_Family]
    places: int = 0
    size_bytes: int = 0
    hits: list[str] = field(default_factory=list)

    @property
    def spellings(self) -> int:
        return sum(len(family.needles) for family in self.families)

    def look(self, place: str, content: bytes) -> None:
        """Search one place, and what is packed in it."""
        self.places += 1
        self.size_bytes += len(content)
        found = {family.kind for family in self.families for piece in _unpacked(content) if family.is_in(piece)}
        self.hits += [f"{kind} in {place}" for kind in sorted(found)]

    def look_into(self, folder: Path, *, but: Iterable[Path] = ()) -> None:
        """Search every file below a folder, its name included, except the user's own."""
        own = {path.resolve() for path in but}
        for path in sorted(folder.rglob("*")):
            self.look(f"the name of {path.name!r}", str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
            if path.is_file() and path.resolve() not in own:
                self.look(str(path.relative_to(folder)), path.read_bytes())


def search_for(people: Sequence[Person], app_code: str) -> Search:
    """Make a search for names, ID numbers, cards and the AppCode."""
    texts = {
        "a name": [person.name for person in people],
        "an ID number": [person.id_card for person in people],
        "a card": [person.account_no for person in people],
        "the AppCode": [app_code],
    }
    return Search(
        families=[
            _Family(kind, needles, _beginning(needles))
            for kind, some in texts.items()
            for needles in _in_every_way(some).values()
        ]
    )


def _beginning(needles: Sequence[bytes]) -> bytes:
    """The bytes with which all of them begin."""
    first, last = min(needles), max(needles)
    same = next(
        (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last))
    )
    return first[:same]


_WAYS: Mapping[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "gb18030": lambda text: text.encode("gb18030"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "url": lambda text: quote(text).encode(),
    "form": lambda text: quote_plus(text).encode(),
    "small url": lambda text: quote(text).lower().encode(),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "html": lambda text: "".join(f"&#{ord(one)};" for one in text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "large hex": lambda text: text.encode().hex().upper().encode(),
    "gb18030 hex": lambda text: text.encode("gb18030").hex().encode(),
    "backwards": lambda text: text[::-1].encode(),
    "in fours": lambda text: " ".join(text[at : at + 4] for at in range(0, len(text), 4)).encode(),
    "in fours with dashes": lambda text: "-".join(text[at : at + 4] for at in range(0, len(text), 4)).encode(),
    **{
        # Whatever stands before it shifts base64 by a third of a byte: three spellings, without the ends that depend on others.
        f"{word} {shift}": lambda text, encode=encode, shift=shift: encode(b"\0" * shift + text.encode())[4 if shift else 0 : -4]
        for word, encode in (("base64", base64.b64encode), ("base64 for a URL", base64.urlsafe_b64encode))
        for shift in range(3)
    },
}


def _in_every_way(texts: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
    found = defaultdict(list)
    for text in texts:
        seen: set[bytes] = set()
        for word, way in _WAYS.items():
            spelled = way(text)
            if len(spelled) > 4 and spelled not in seen:
                seen.add(spelled)
                found[word].append(spelled)
    return {word: tuple(needles) for word, needles in found.items()}


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    elif content.startswith(b"%PDF"):
        for stream in _STREAM.findall(content):
            try:
                yield zlib.decompressobj().decompress(stream)
            except zlib.error:
                continue


def main() -> int:
    """Run the campaign in a folder of its own; 1 where anybody is found."""
    from tests.campaigns.canary_acts import play

    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        search = play(Path(folder), is_whole=True)
    sys.stdout.write(told(search))
    return 1 if search.hits else 0


def told(search: Search) -> str:
    """Say what was searched and found."""
    hits = "\n".join(f"  {hit}" for hit in search.hits)
    return (
        f"{search.spellings:,} spellings of people and of the AppCode searched for in {search.places:,} places, "
        f"{search.size_bytes >> 10:,} KiB: {len(search.hits)} hits\n{hits}"
    )


if __name__ == "__main__":
    sys.exit(main())
