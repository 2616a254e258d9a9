"""Files on their way in, also from senders who write forms as no browser does, and progress on its way out."""

import json
import re

import pytest

from batchverify.desk import Desk
from tests.builders import a_sheet, rows
from tests.web.reader import Reader, settings_of

BOUNDARY = "x-x"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n%s\r\n'
FILE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nname\r\n'
FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="more"\r\n\r\n%s\r\n'
END = f"--{BOUNDARY}--\r\n"


@pytest.fixture
def reader(sandbox, home):
    with Desk.open(settings_of(home, sandbox.endpoint)) as desk:
        reader = Reader(desk)
        reader.get("/")
        yield reader


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (END, "one part that has a file name"),
        (FILE % "a.csv", "one part that has a file name"),
        (FILE % "" + END, "No file was chosen."),
        (FILE % "a.csv" + FILE % "b.csv" + END, "One file is taken at a time"),
        (FIELD % "x" * 20 + END, "more than 20 parts"),
        (FIELD % ("x" * 70_000) + END, "longer than 64 KiB"),
        (f"--{BOUNDARY}\r\nno header\r\n\r\n{END}", "one part that has a file name"),
    ],
    ids=["no-file", "broken-off", "no-name", "two-files", "many-parts", "long-field", "no-header"],
)
def test_a_form_that_no_browser_sends_is_refused_with_a_sentence_and_nothing_is_kept(reader, body, sentence):
    answer = reader.raw("/upload", (HEAD % reader.csrf + body).encode(), f"multipart/form-data; boundary={BOUNDARY}")

    assert answer.status_code == 422
    assert sentence in answer.text
    assert reader.desk.cases() == []
    assert not list(reader.desk.home.rglob("*.csv"))


def test_a_script_is_told_where_to_go_on_or_what_is_wrong(reader, tmp_path):
    answer = reader.upload(a_sheet(tmp_path, rows(1)), accept="application/json")
    refused = reader.raw(
        "/upload",
        (HEAD % reader.csrf + END).encode(),
        f"multipart/form-data; boundary={BOUNDARY}",
        accept="application/json",
    )

    assert answer.status_code == 201
    assert re.fullmatch(r"/jobs/c-[a-z2-7]{26}/columns", answer.json()["see"])
    assert "one part that has a file name" in refused.json()["problem"]


def test_progress_streams_in_the_readers_words_until_it_is_over_and_goes_on_where_it_was_cut(sandbox, home, tmp_path):
    with Desk.open(settings_of(home, sandbox.endpoint, qps=20.0)) as desk:
        reader = Reader(desk, lang="zh-CN")
        case = reader.begun(a_sheet(tmp_path, rows(25)))

        told = _events(reader.get(f"/jobs/{case}/events").text)

        assert len(told) > 2
        numbers = [number for number, _ in told]
        assert numbers == sorted(set(numbers))
        last = told[-1][1]
        assert last["is_over"]
        assert (last["done"], last["spent"], last["statuses"]) == ("25 / 25", "¥4.75", {"matched": "25"})
        assert any(live["can_pause"] and "正在核验" in live["state"] for _, live in told)
        assert reader.get(f"/jobs/{case}/events", last_event_id=str(numbers[-1])).text.strip() == ""
        assert reader.get("/jobs/c-nothing/events").status_code == 404


def _events(text):
    found = re.findall(r"id: (\d+)\r?\nevent: live\r?\ndata: (.*)\r?\n", text)
    return [(int(number), json.loads(live)) for number, live in found]
