"""What the page says while a job goes on, for every state it may be in."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from starlette.requests import Request

from batchverify.desk import Case, Confirmed, Live, Shown, Stage
from batchverify.job import Options
from batchverify.model import RowStatus
from batchverify.web.drawing import language_of
from batchverify.web.pages.progress import live_words, step_of
from batchverify.words import Lang

AT = datetime(2026, 11, 24, 2, 50, 1, tzinfo=UTC)
SHOWN = Shown(digest="d", identity="i", asks=10, unit_price=Decimal("0.19"), at=AT)
CASE = Case(
    id="c-a",
    name="a.csv",
    size_bytes=1,
    sha256="",
    owner="王芳",
    received_at=AT,
    changed_at=AT,
    stage=Stage.ASKING,
    options=Options(),
    simulated=True,
    job="s-1",
    confirmed=Confirmed(plan=SHOWN, cap_asks=10, by="王芳", at=AT),
)
LIVE = Live(stage=Stage.ASKING, version=3, done=4, total=10, billed=4, cap_asks=10, in_flight=2, statuses={RowStatus.MATCHED: 4})


@pytest.mark.parametrize(
    ("live", "sentence", "buttons"),
    [
        (LIVE, "The vendor is being asked.", {"can_pause", "can_stop"}),
        (replace(LIVE, waits_until=AT), "It goes on by itself at 2026-11-24 10:50:01.", {"can_pause", "can_stop"}),
        (replace(LIVE, halting="pause"), "Pausing. What is in flight (2) is awaited; nothing new is sent.", set()),
        (replace(LIVE, halting="stop"), "Stopping. What is in flight (2) is awaited; nothing new is sent.", set()),
        (replace(LIVE, is_drawing=True), "The result is being written.", set()),
        (replace(LIVE, stage=Stage.QUEUED), "This one is next in its turn.", {"can_pause", "can_stop"}),
        (replace(LIVE, stage=Stage.PAUSED, in_flight=0), "Nothing is sent until you go on.", {"can_go_on", "can_stop"}),
        (replace(LIVE, stage=Stage.STOPPED, in_flight=0), "What was answered is in the result.", {"can_go_on"}),
        (replace(LIVE, stage=Stage.ENDED), "The result is ready.", set()),
        (replace(LIVE, stage=Stage.REFUSED), "Nothing was sent.", set()),
        (replace(LIVE, stage=Stage.WAITING), "Waiting for approval", set()),
    ],
)
def test_every_state_has_its_sentence_and_only_the_buttons_that_can_be_pressed(live, sentence, buttons):
    words = live_words(live, CASE, Lang.EN)

    assert sentence in words["state"]
    assert {name for name in ("can_pause", "can_go_on", "can_stop") if words[name]} == buttons
    assert words["is_over"] == (live.stage in {Stage.ENDED, Stage.STOPPED, Stage.REFUSED})
    assert (words["spent"], words["billed"]) == ("¥0.76", "4 of 10 asks, at most ¥1.90")
    assert words["go_on"] == "Go on (at most ¥1.14 more)"
    assert live_words(live, CASE, Lang.ZH)["state"] != words["state"]


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        (Stage.RECEIVED, "columns"),
        (Stage.PLANNED, "plan"),
        (Stage.WAITING, "confirm"),
        (Stage.QUEUED, "progress"),
        (Stage.PAUSED, "progress"),
        (Stage.STOPPED, "progress"),
        (Stage.REFUSED, "progress"),
    ],
)
def test_a_job_is_opened_at_the_step_where_it_stands(stage, step):
    assert step_of(replace(CASE, stage=stage)) == step
    assert step_of(replace(CASE, stage=Stage.ENDED, summary={"job": "s-1"})) == "result"


@pytest.mark.parametrize(
    ("wanted", "lang"), [("", "en"), ("zh", "zh"), ("zh;q=x,en", "en"), ("de,zh;q=0", "en"), ("EN-gb,zh", "en")]
)
def test_the_language_is_the_first_that_the_browser_wants_and_we_have(wanted, lang):
    request = Request({"type": "http", "headers": [(b"accept-language", wanted.encode())]})

    assert language_of(request) == Lang(lang)
