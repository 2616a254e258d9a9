"""Small files in and out of a page: exports and order lists that come with a form, tables that are handed out.

The one thing to know: what comes in lies in a private folder of the home for as long as it is looked at, and no longer. It
should hold no person, but somebody may have chosen the wrong file.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from batchverify.errors import BatchVerifyError
from batchverify.store.home import Home
from batchverify.web.guard import Limits
from batchverify.web.pages.doors import Form, desk_of, refusal, say, status_of

# What comes with a form is kept in memory, of which the guard lets no more in: it would spool into the machine's folder for temporary
# files, and somebody may have chosen a sheet of people.
MultiPartParser.spool_max_size = Limits().file_bytes

_FORBIDDEN: Final = 403
_MOST_FILES: Final = 12
_MOST_FIELDS: Final = 20
_LONGEST_NAME: Final = 80
_KINDS: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def files_door(
    handler: Callable[[Request, Form, Sequence[Path]], Response], *, role: str
) -> Callable[[Request], Awaitable[Response]]:
    """Let in whoever has the role, with the files of their form; they are gone when the handler has ended."""

    async def opened(request: Request) -> Response:
        if not request.state.person.may(role):
            return refusal(request, say(request, "chrome.not_yours"), status=_FORBIDDEN)
        async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as given:
            fields = {name: value for name, value in given.multi_items() if isinstance(value, str)}
            uploads = [value for _, value in given.multi_items() if isinstance(value, UploadFile) and value.filename]
            try:
                return await run_in_threadpool(_with_files, handler, request, fields, uploads)
            except BatchVerifyError as error:
                return refusal(request, str(error), status=status_of(error))

    return opened


def file_answer(request: Request, name: str, write: Callable[[Path], object]) -> Response:
    """Hand out what `write` writes, under a name of ours, which is plain ASCII. Its suffix says of which kind it is."""
    with Home.open(desk_of(request).home).private_folder() as folder:
        path = folder / name
        write(path)
        content = path.read_bytes()
    return Response(
        content,
        media_type=_KINDS[path.suffix],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def plain_name(given: str) -> str:
    """A name from the other machine, with nothing in it but what is surely part of a name.

    >>> plain_name("desk/使用明细 (1).csv"), plain_name("../../.profile"), plain_name('a";<b>.xlsx')
    ('使用明细 (1).csv', '_.profile', 'a___b_.xlsx')
    """
    last = re.split(r"[/\\]", given)[-1]
    name = re.sub(r"[^\w.() （）-]", "_", last)[-_LONGEST_NAME:]
    return f"_{name}" if name.startswith(".") or not name.strip() else name


def _with_files(
    handler: Callable[[Request, Form, Sequence[Path]], Response], request: Request, fields: Form, uploads: Sequence[UploadFile]
) -> Response:
    with Home.open(desk_of(request).home).private_folder() as folder:
        paths = []
        for number, upload in enumerate(uploads):
            place = folder / str(number)  # two files may have one name
            place.mkdir()
            path = place / plain_name(upload.filename or "")
            path.write_bytes(upload.file.read())
            paths.append(path)
        return handler(request, fields, paths)
