"""The process itself tells nothing of anybody: not when it dies, not when a thread, a library or the interpreter complains."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from batchverify.cli.discretion import discreet
from tests.campaigns.people import person
from tests.threats import guards

ROOT = Path(__file__).parents[2]
CANARY = person(7_301).id_card

#: Everything that complains of its own accord, with a person in the complaint.
_COMPLAINTS = f"""
import asyncio, logging, sys, threading, warnings
from batchverify.cli.discretion import discreet, keep_discreet

keep_discreet()
logging.basicConfig(level="DEBUG", handlers=[discreet(logging.StreamHandler())])

class Worse:
    def __del__(self):
        raise ValueError("{CANARY}")
    def __str__(self):
        raise ValueError("{CANARY}")

def fail():
    raise ValueError("{CANARY}") from KeyError("{CANARY}")

async def lost():
    asyncio.get_running_loop().create_task(later())
    await asyncio.sleep(0.01)

async def later():
    fail()

thread = threading.Thread(target=fail)
thread.start()
thread.join()
Worse()
warnings.warn("Cell B2 is marked as a date but the value {CANARY} is outside the limits")
for name in ("httpx", "openpyxl", "concurrent.futures", "uvicorn.error", "root"):
    logging.getLogger(name).error("%s", "{CANARY}", exc_info=KeyError("{CANARY}"))
ours = logging.getLogger("batchverify.anything")
ours.warning("A place could not be told.", exc_info=KeyError("{CANARY}"))
ours.error("one %s", Worse())
asyncio.run(lost())
fail()
"""


@guards("tracebacks", "logs")
def test_whoever_complains_in_the_process_shows_its_class_and_place_and_nobody():
    ended = subprocess.run([sys.executable, "-c", _COMPLAINTS], capture_output=True, text=True, encoding="utf-8", check=False)

    told = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert CANARY not in told
    for word in (
        "in a thread: ValueError",
        "while something was let go: ValueError",
        "at its edge: ValueError",
        "UserWarning at",
    ):
        assert word in told
    assert "WARNING batchverify.anything A place could not be told.\nKeyError" in told
    assert "openpyxl" not in told


@guards("logs")
def test_a_handler_takes_what_the_package_logs_and_nothing_else():
    handler = discreet(logging.NullHandler())

    def is_taken(name: str) -> bool:
        return bool(handler.filter(logging.LogRecord(name, logging.INFO, "a", 1, "b", None, None)))

    assert [is_taken(name) for name in ("batchverify", "batchverify.store.cache", "batchverifyx", "httpx", "root")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def would_keep_one() -> bool:
    """Whether this machine keeps images where they are not forbidden, as files in the folder of the process."""
    pattern = Path("/proc/sys/kernel/core_pattern")
    is_free = resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY
    return is_free and pattern.exists() and not pattern.read_text().startswith(("|", "/"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows keeps what it keeps")
@guards("core-files")
def test_a_process_that_dies_leaves_no_image_of_its_memory(tmp_path):
    """The first shows that this machine would keep one, where it may."""
    images = []
    for word in ("", "from batchverify.cli.discretion import keep_discreet; keep_discreet();"):
        script = f"import os, resource; hard = resource.getrlimit(resource.RLIMIT_CORE)[1]; resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)); {word} os.abort()"
        dying = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
        images.append(os.WCOREDUMP(os.waitpid(dying.pid, 0)[1]))
        dying.returncode = 0  # it was waited for already

    assert images[1] is False
    if would_keep_one():
        assert images[0] is True


@guards("core-files")
def test_every_command_and_its_children_run_without_core_files():
    script = (
        "import sys, resource, subprocess, contextlib\n"
        "from batchverify.cli import main\n"
        "sys.argv = ['batchverify', 'template', '--help']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "child = 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE))'\n"
        "subprocess.run([sys.executable, '-c', child], check=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", check=True)

    assert ended.stdout.splitlines()[-1] in {"(1, 1)", "(0, 0)"}


@guards("logs")
def test_a_number_that_was_typed_where_an_option_belongs_is_not_repeated():
    words = [sys.executable, "-m", "batchverify", "forget", CANARY]
    ended = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False)

    assert ended.returncode == 2
    assert "unexpected extra argument" in ended.stderr
    assert CANARY not in ended.stdout + ended.stderr
