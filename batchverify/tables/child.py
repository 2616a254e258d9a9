"""Starting the processes that touch what a stranger sent: no secret in their environment, an end to patience.

The one thing to know: what goes in goes by standard input, never as an argument, for arguments can be read by everybody on the
machine. And no module is taken from the current folder: what lies beside a stranger's spreadsheet may be a stranger's, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO, BinaryIO

_IS_SECRET = re.compile(r"BATCHVERIFY_|ALIBABA_CLOUD_|KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH|COOKIE|_PROXY\Z", re.IGNORECASE)


def run_child(
    module: str,
    *words: str,
    content: BinaryIO,
    out: IO[bytes],
    head: bytes = b"",
    patience_seconds: float,
    temporary: Path | None = None,
) -> int | None:
    """Have a module of ours read `head` and the whole content and write to `out`; its exit code, None if it was given up.

    `temporary` is where it may put what needs a file.
    """
    # No setting of ours and nobody's secret goes into a process that a stranger's file may take over.
    environment = {word: value for word, value in os.environ.items() if not _IS_SECRET.search(word)}
    environment["PYTHONIOENCODING"] = "utf-8"
    if temporary is not None:
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    try:
        return subprocess.run(  # noqa: S603 - our own module, and no word of the user's in the command
            # -P: with -m alone Python looks for modules in the current folder first, and there may lie a `pandas.py`.
            [sys.executable, "-P", "-m", module, *words],
            input=head + content.read(),
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=patience_seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None
