"""A pandas frame in and out. The only module that imports pandas.

The one thing to know: a number in a frame has a type, too. It is written as a workbook's numeric cell, so that one with
more than 15 digits is blocked as it is in a file, and not sent as a plausible wrong one. And the same frame is the same
bytes, so that after a crash it goes on with its job, whatever was to be asked afresh.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from batchverify.words import RESULT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_NAME = "frame.xlsx"
#: The header is row 1, and rows count from 1.
_FIRST_ROW = 2
_BLOCK_BYTES = 1 << 20
# When the workbook was made, and last changed.
_PROPERTIES = "docProps/core.xml"
_TIME = re.compile(rb"<dcterms:(?P<when>created|modified)\b[^>]*>[^<]*</dcterms:(?P=when)>")


def written_for(frame: pd.DataFrame, folder: Path) -> Path:
    """Write the frame as a workbook into a private folder, without its index and without any time; returns the path."""
    draft, path = folder / f"draft-{_NAME}", folder / _NAME
    frame.to_excel(draft, index=False, engine="openpyxl")
    with ZipFile(draft) as dated, ZipFile(path, "w") as undated:
        for part in dated.namelist():
            with dated.open(part) as source, undated.open(_part(part), "w") as target:
                if part == _PROPERTIES:
                    target.write(_TIME.sub(b"", source.read()))
                else:
                    shutil.copyfileobj(source, target, _BLOCK_BYTES)
    draft.unlink()
    return path


def _part(name: str) -> ZipInfo:
    """A part of a workbook as of the first day that a zip file can name."""
    part = ZipInfo(name)
    part.compress_type = ZIP_DEFLATED
    return part


def answers_of(frame: pd.DataFrame, result: Path, *, encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Give the frame with the `bv_` columns of its csv result to the right, "" beside rows that were not asked.

    Columns and index are the frame's own; older `bv_` columns in it are replaced.
    """
    import pandas as pd  # noqa: PLC0415 - half a second that nobody pays who verifies files

    read = pd.read_csv(result, dtype=str, keep_default_na=False, na_filter=False, encoding=encoding)
    keys = [key for key, _ in RESULT_COLUMNS]
    labels = {label: key for key, label in RESULT_COLUMNS}
    ours = read.rename(columns=labels)[keys]
    marks = ours["bv_row"].str.split("/").str[1]
    asked = ours[marks.notna()]
    rows = marks[marks.notna()].astype(int) - _FIRST_ROW
    placed = asked.set_axis(rows, axis="index").reindex(range(len(frame)), fill_value="").set_axis(frame.index, axis="index")
    kept = frame.drop(columns=[key for key in keys if key in frame.columns])
    return pd.concat([kept, placed], axis="columns")
