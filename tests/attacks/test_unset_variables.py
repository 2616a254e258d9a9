"""A script's unset variable names nothing: no home in the current folder, no job, no file."""

import os
import subprocess
import sys

import pytest

from batchverify.settings import home_folder, load_settings


def test_an_empty_home_in_the_environment_is_none(home, monkeypatch):
    monkeypatch.setenv("BATCHVERIFY_HOME", "")
    monkeypatch.setenv("BATCHVERIFY_ENDPOINT", "")

    settings = load_settings()

    assert settings.home is None
    assert home_folder(settings.home) == home_folder()
    assert home_folder() != home.parent


@pytest.mark.parametrize(
    "words",
    [
        ("jobs", "--home", ""),
        ("run", "", "--sandbox", "--yes", "--home", "h"),
        ("resume", "", "--yes", "--home", "h"),
        ("rerun", "", "--yes", "--home", "h"),
        ("render", "", "--home", "h"),
    ],
)
def test_an_empty_word_names_nothing(home, words):
    home.parent.chmod(0o700)
    ended = subprocess.run(
        [sys.executable, "-m", "batchverify", *words],
        cwd=home.parent,
        env={name: text for name, text in os.environ.items() if not name.startswith("BATCHVERIFY_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 2
    assert not (home.parent / "ledger.sqlite").exists()
