"""A hundred hostile files end in a sentence, in bounded time and memory."""

from __future__ import annotations

import sys

import pytest

from tests.campaigns.hostile import MAX_MEMORY_BYTES, MAX_SECONDS, open_all
from tests.threats import guards

#: What is in them does no harm: the missing end is behind the last row, and changed bytes may be anywhere.
HARMLESS = {"no end in sheet1.xml", "a part outside of the file", "a bomb of texts"}


@guards("hostile-files")
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured and bound as Linux does")
def test_a_hundred_hostile_files_end_in_a_sentence_in_bounded_time_and_memory(tmp_path):
    verdicts, most = open_all(tmp_path)

    assert len(verdicts) > 100
    assert [one.name for one in verdicts if one.seconds > MAX_SECONDS] == []
    assert most < MAX_MEMORY_BYTES
    read = {one.name for one in verdicts if not one.ended and "bytes changed" not in one.name}
    assert read == HARMLESS
    assert [one.name for one in verdicts if len(one.ended) > 600] == []
