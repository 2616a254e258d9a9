"""No person and no AppCode in anything but the user's own sheet and result, whatever goes wrong (RELIABILITY §5)."""

from __future__ import annotations

import base64
import io
import sys
import zipfile

import pytest

from tests.campaigns.canary import search_for, told
from tests.campaigns.canary_acts import APP_CODE, canaries, play
from tests.threats import guards


@guards("logs", "home-bytes", "arguments", "tracebacks")
@pytest.mark.slow
def test_nobody_stands_anywhere_but_in_sheet_and_result(tmp_path, capsys):
    search = play(tmp_path, is_whole=False)

    assert search.hits == []
    assert search.places > 200
    with capsys.disabled():
        sys.stdout.write(f"\n{told(search)}")


def test_a_canary_that_leaks_is_found_however_it_is_spelled(tmp_path):
    (person,) = canaries(1, first=0)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", person.account_no * 3)
    leaks = {
        "plain": person.name.encode(),
        "gbk": f"x{person.name}".encode("gb18030"),
        "utf-16": person.id_card.encode("utf-16-le"),
        "big utf-16": f"x{person.name}".encode("utf-16-be"),
        "url": b"/bank3Check?name=%E9%BC%B7%E9%BD%90%E7%B0%80%E9%BE%98",
        "json": b'{"name": "\\u9f37\\u9f50\\u7c00\\u9f98"}',
        "code": f"Authorization: APPCODE {APP_CODE}".encode(),
        "base64": base64.b64encode(f"xy{person.id_card} is it".encode()),
        "base64 for a url": base64.urlsafe_b64encode(f"x{person.name} is it".encode()),
        "hex": person.account_no.encode().hex().encode(),
        "fours": " ".join(person.account_no[at : at + 4] for at in range(0, 19, 4)).encode(),
        "backwards": person.id_card[::-1].encode(),
        "packed": packed.getvalue(),
        "innocent": b"nobody 110101 6217000000",
    }
    for name, content in leaks.items():
        (tmp_path / name).write_bytes(content)
    search = search_for([person], APP_CODE)
    search.look_into(tmp_path)

    assert sorted(search.hits) == [
        "a card in fours",
        "a card in hex",
        "a card in packed",
        "a name in base64 for a url",
        "a name in big utf-16",
        "a name in gbk",
        "a name in json",
        "a name in plain",
        "a name in url",
        "an ID number in backwards",
        "an ID number in base64",
        "an ID number in utf-16",
        "the AppCode in code",
    ]
    assert search.places == 2 * len(leaks)
