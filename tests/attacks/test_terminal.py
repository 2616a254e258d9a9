"""Names that would steer the terminal of whoever looks at them are shown and do nothing."""

import json
import os
import subprocess
import sys
import unicodedata

import pytest

from tests.builders import a_sheet, rows

#: Clears the screen, sets the title, writes from right to left, uses the one-byte CSI.
NAME = "a\x1b[2J\x1b]0;b\x07\u202ec\x9b31m.csv"
SHOWN = r"a\u001b[2J\u001b]0;b\u0007\u202ec\u009b31m.csv"


def batchverify(*words, home):
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BATCHVERIFY_")}
    ended = subprocess.run(
        [sys.executable, "-m", "batchverify", *map(os.fspath, words), "--home", os.fspath(home)],
        env=kept | {"PYTHONIOENCODING": "utf-8", "BATCHVERIFY_LANG": "en"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    out, err = ended.stdout.decode(), ended.stderr.decode()
    odd = {letter for letter in out + err if unicodedata.category(letter) in {"Cc", "Cf"}} - {"\n"}
    assert odd == set()
    return ended.returncode, out, err


@pytest.fixture
def sheet(home):
    return a_sheet(home.parent, rows(2), name=NAME)


def test_a_run_and_its_list_show_the_name_and_do_not_obey_it(home, sheet):
    code, out, err = batchverify("run", sheet, "--sandbox", "--yes", home=home)

    assert code == 0
    assert SHOWN in err
    assert SHOWN.replace(".csv", ".verified.csv") in out
    assert SHOWN in batchverify("jobs", home=home)[1]


def test_a_refusal_shows_the_name_and_does_not_obey_it(home):
    code, _, err = batchverify("run", NAME, "--sandbox", "--yes", home=home)

    assert code == 2
    assert r"\u202ec" in err


def test_json_means_the_name_as_it_is(home, sheet):
    _, out, _ = batchverify("run", sheet, "--sandbox", "--yes", "--json", home=home)

    assert json.loads(out)["input"]["name"] == NAME
