"""The command line with a bug where a row becomes a question, and with the row in its message: `python -m tests.campaigns.canary_bug`.

The one thing to know: it fails in a thread and in a log line of a library as well, each with people in its words.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, NoReturn


def _fail(values: object, **_: Any) -> NoReturn:
    text = str(values)
    logging.getLogger("httpx").warning("GET /?q=%s", text, exc_info=KeyError(text))
    thread = threading.Thread(target=int, args=(text,))
    thread.start()
    thread.join()
    try:
        int(text)
    except ValueError as cause:
        raise RuntimeError(f"cannot make sense of {text}") from cause
    raise AssertionError


if __name__ == "__main__":
    from batchverify.cli import main
    from batchverify.job import lines

    lines.prepare = _fail
    main()
