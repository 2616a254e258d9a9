"""Search everything that a desk leaves behind for people who must stand in their own sheet and result only.

The one thing to know: a canary is searched for as it would be written by whoever leaks it: in UTF-8, GB 18030, UTF-16, in a
URL, in JSON with escapes, and the AppCode in base64 too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.campaigns.people import Person


@dataclass(slots=True, kw_only=True)
class Search:
    """What to look for, how many places were looked at, and what was found where. A hit names the place, not the canary."""

    needles: Mapping[bytes, str]
    places: int = 0
    size_bytes: int = 0
    hits: list[str] = field(default_factory=list)

    def look(self, place: str, content: bytes) -> None:
        """Search one place."""
        self.places += 1
        self.size_bytes += len(content)
        self.hits += [f"{kind} in {place}" for needle, kind in self.needles.items() if needle in content]

    def look_into(self, folder: Path, *, but: Iterable[Path] = ()) -> None:
        """Search every file below a folder, its name included, except the user's own."""
        own = {path.resolve() for path in but}
        for path in sorted(folder.rglob("*")):
            self.look(f"the name of {path.name!r}", str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
            if path.is_file() and path.resolve() not in own:
                self.look(str(path.relative_to(folder)), path.read_bytes())


def search_for(people: Sequence[Person], app_code: str) -> Search:
    """Make a search for names, ID numbers, cards and the AppCode."""
    needles: dict[bytes, str] = {}
    for person in people:
        for kind, text in zip(("a name", "an ID number", "a card"), person.cells, strict=True):
            needles |= dict.fromkeys(_spellings(text), kind)
    needles |= dict.fromkeys([*_spellings(app_code), base64.b64encode(app_code.encode()).rstrip(b"=")], "the AppCode")
    return Search(needles=needles)


def _spellings(text: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "gb18030", "utf-16-le"):
        yield text.encode(encoding)
    yield from (spelled.encode() for spelled in (quote(text), quote_plus(text), quote(text).lower()))
    yield json.dumps(text)[1:-1].encode()
