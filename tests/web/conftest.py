"""Desks that ask a sandbox: one for the tests of a file with the site on which it is served, one for a test with its reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchverify.desk import Desk
from batchverify.sandbox import Running, running
from tests.web.program import Site
from tests.web.reader import Reader, settings_of


@pytest.fixture(scope="module")
def one_vendor() -> Iterator[Running]:
    """Run a sandbox for the tests of a file."""
    with running() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def open_desk(one_vendor: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Open a desk on a home of the file's, and keep this machine's own settings out of it."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("BATCHVERIFY_")]:
            patch.delenv(name)
        patch.chdir(folder)
        with Desk.open(settings_of(folder / "home", one_vendor.endpoint, webhook_secret="a secret of sixteen")) as desk:
            yield desk


@pytest.fixture
def site(open_desk: Desk) -> Iterator[Site]:
    """Serve it, to nobody yet; what came in is taken away again, and so are users and tokens."""
    site = Site(open_desk)
    yield site
    for case in open_desk.cases():
        if not case.stage.is_under_way:
            open_desk.remove(case.id, operator="")
    (open_desk.home / "people.json").unlink(missing_ok=True)


@pytest.fixture
def counter(sandbox: Running, home: Path) -> Iterator[Desk]:
    """A desk that asks the sandbox, open for as long as the test."""
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        yield desk


@pytest.fixture
def reader(counter: Desk) -> Reader:
    """Give somebody who reads its pages without scripts."""
    return Reader(counter)
