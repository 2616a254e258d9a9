"""One spelling of a document, so that two programs sign and check the same bytes.

The one thing to know: keys are sorted, there is no space between things, the text is UTF-8, and numbers are whole: money
is text. What would read differently in another program (a key twice, a fraction, a number that is none) is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(document: Any) -> bytes:
    """Spell a document out.

    >>> canonical({"b": [1, None], "a": "行"}).decode()
    '{"a":"行","b":[1,null]}'
    """
    return _canonical(document).encode()


def parse(text: str) -> Any:
    """Read a JSON document strictly. Raises ValueError for one that two programs could read as two things.

    >>> parse('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: The key 'a' stands there twice.
    """
    return json.loads(text, object_pairs_hook=_once, parse_float=_no_fraction, parse_constant=_no_fraction)


def differences(found: Any, expected: Any, *, at: str = "") -> Iterator[str]:
    """Walk two documents and name every place where they differ, as `rows.total` or `runs[0].head`.

    >>> list(differences({"a": [1, 2], "b": 1}, {"a": [1, 3], "c": 1}))
    ['a[1]', 'b', 'c']
    """
    match found, expected:
        case (Mapping(), Mapping()):
            for key in sorted(found.keys() | expected.keys()):
                below = f"{at}.{key}" if at else str(key)
                if key in found and key in expected:
                    yield from differences(found[key], expected[key], at=below)
                else:
                    yield below
        case (list(), list()) if len(found) == len(expected):
            for place, (one, other) in enumerate(zip(found, expected, strict=True)):
                yield from differences(one, other, at=f"{at}[{place}]")
        case _ if type(found) is not type(expected) or found != expected:
            yield at
        case _:
            return


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"The key {key!r} stands there twice.")
        found[key] = value
    return found


def _no_fraction(spelled: str) -> Any:
    raise ValueError(f"{spelled[:20]!r} is no whole number.")
