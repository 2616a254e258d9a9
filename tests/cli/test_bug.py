"""A bug ends with 1 and shows where it happened, never what a cell held."""

from __future__ import annotations

import pytest

from tests.campaigns.people import people, write_sheet
from tests.threats import guards


@guards("tracebacks")
def test_a_bug_shows_no_value_and_ends_with_1(tmp_path, monkeypatch, capsys):
    """The bug is planted where a row becomes a question, with the row in its message and in what it came from."""
    from batchverify.cli import main
    from batchverify.job import lines

    rows = people(3)
    source = write_sheet(tmp_path / "people.csv", rows)

    def prepare(values, **_):
        try:
            int(str(values))
        except ValueError as cause:
            raise RuntimeError(f"cannot make sense of {rows[0].name} {rows[0].id_card}") from cause

    monkeypatch.setattr(lines, "prepare", prepare)
    monkeypatch.setattr("sys.argv", ["batchverify", "run", str(source), "--sandbox", "--yes", "--home", str(tmp_path / "home")])
    with pytest.raises(SystemExit) as end:
        main()

    out, err = capsys.readouterr()
    assert end.value.code == 1
    assert out == ""
    assert err.startswith("This is a bug in batchverify: RuntimeError. Please report these lines; they show no data.\n")
    assert "test_bug.py:" in err
    assert [cell for row in rows for cell in row.cells if cell in err] == []
    assert not (tmp_path / "people.verified.csv").exists()
