"""A file on its way out, under its own name.

The one thing to know: the name came from the user, so it is spelled as RFC 6266 has it, and nothing of it can end the header.
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse

_KINDS = {
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12",
}


def file_sent(path: Path) -> FileResponse:
    """Send a file as a stream, to be kept and never to be opened as a page of ours."""
    kind = _KINDS.get(path.suffix.lower(), "application/octet-stream")
    return FileResponse(path, media_type=kind, filename=path.name, headers={"Cache-Control": "no-store"})
