"""The client against the vendor in miniature, whose bill is kept by code that the client shares no line with."""

import asyncio

import pytest

from batchverify.errors import AccountOverdue, AskError, EchoMismatch, InDoubt, KeyRejected, NotSent, QuotaExhausted, Throttled
from batchverify.model import Product, Query, Secret
from batchverify.sandbox import Fault, Rule
from batchverify.vendor.client import Client
from batchverify.vendor.products import parse_endpoint

# What each scripted fault must become; None where the answer is whole and counts.
OUTCOMES = {
    Fault.RESET_BEFORE: (InDoubt, "reset"),
    Fault.RESET_AFTER: (InDoubt, "reset"),
    Fault.CLOSE_AFTER: (InDoubt, "reset"),
    Fault.STALE: None,
    Fault.SLOW_DRIP: (InDoubt, "timeout"),
    Fault.NEVER: (InDoubt, "timeout"),
    Fault.TRUNCATED_LENGTH: (InDoubt, "truncated"),
    Fault.TRUNCATED_CHUNKED: (InDoubt, "truncated"),
    Fault.WRONG_LENGTH: (InDoubt, "not_json"),
    Fault.HTML: (InDoubt, "html"),
    Fault.NOT_JSON: (InDoubt, "not_json"),
    Fault.GZIP_BOMB: (InDoubt, "wrong_encoding"),
    Fault.HUGE_BODY: (InDoubt, "too_large"),
    Fault.WRONG_ECHO: (EchoMismatch, "bad_echo"),
    Fault.NUMBER_FOR_STRING: (InDoubt, "not_json"),
    Fault.NAN: (InDoubt, "not_json"),
    Fault.DUPLICATE_KEYS: (InDoubt, "not_json"),
    Fault.UNKNOWN_STATUS: (InDoubt, "unknown_status"),
    Fault.STATUS_9999: (InDoubt, "service_error"),
    Fault.REDIRECT: (InDoubt, "redirect"),
    Fault.THROTTLE_429: (Throttled, "throttled"),
    Fault.THROTTLE_403: (Throttled, "throttled"),
    Fault.ERROR_500: (InDoubt, "server_error"),
    Fault.ERROR_500_PLAIN: (InDoubt, "server_error"),
    Fault.ERROR_502: (InDoubt, "server_error"),
    Fault.ERROR_502_PLAIN: (InDoubt, "server_error"),
    Fault.ERROR_503: (Throttled, "unavailable"),
    Fault.ERROR_503_PLAIN: (InDoubt, "server_error"),
    Fault.BREAKER_503: (Throttled, "unavailable"),
    Fault.ERROR_504: (InDoubt, "gateway_timeout"),
    Fault.QUOTA_EXHAUSTED: (QuotaExhausted, "quota"),
    Fault.QUOTA_EXPIRED: (QuotaExhausted, "quota_expired"),
    Fault.REVOKED: (KeyRejected, "app_code"),
    Fault.UNAUTHORIZED: (KeyRejected, "app_code"),
    Fault.ARREARS: (AccountOverdue, "overdue"),
}
PERSON = Query(product=Product.BANK3, name="测试甲", id_card="11010119900101001X", account_no="6217000000000000007")


def open_client(sandbox, *, deadline_seconds=5.0):
    return Client(parse_endpoint(sandbox.endpoint), Secret("sandbox"), connections=20, deadline_seconds=deadline_seconds)


async def ask_or_error(client, query, **options):
    try:
        return await client.ask(query, **options)
    except AskError as error:
        return error


def test_every_fault_of_the_sandbox_has_an_outcome_here():
    assert set(OUTCOMES) == set(Fault)


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_costs_one_ask_and_the_next_ask_is_answered(fault, sandbox, run):
    sandbox.vendor.script_faults(Rule(fault=fault, at=(1,)))

    async def ask_twice():
        async with open_client(sandbox, deadline_seconds=0.3) as client:
            first = await ask_or_error(client, PERSON)
            await asyncio.sleep(0.05)
            return first, await client.ask(PERSON)

    first, second = run(ask_twice())

    assert (None if OUTCOMES[fault] is None else (type(first), first.code)) == OUTCOMES[fault]
    assert second.answer.status == "01"
    assert sandbox.bill.total() == 2
    # What the client calls surely not billed was not billed.
    assert sandbox.bill.billed() == 1 + fault.is_billed
    assert not (fault.is_billed and isinstance(first, AskError) and not isinstance(first, InDoubt))


@pytest.mark.parametrize("product", Product)
def test_every_product_is_answered_under_its_own_path(product, sandbox, run):
    asked = Query(
        product=product, name="测试甲", id_card="11010119900101001X", account_no="6217000000000000007", mobile="13800000001"
    )

    async def ask():
        async with open_client(sandbox) as client:
            return await client.ask(asked)

    reply = run(ask())

    assert reply.answer.status == "01"
    assert reply.answer.details["lastCode"] == "X"
    assert reply.request_id == sandbox.bill.asks()[0].request_id
    assert sandbox.bill.asks()[0].product == product.value


def test_an_unsent_ask_is_on_no_bill(sandbox, run):
    async def ask():
        async with open_client(sandbox) as client:
            return await ask_or_error(client, PERSON), await ask_or_error(client, PERSON, send_before=0.0)

    sent, unsent = run(ask())

    assert sent.answer.status == "01"
    assert (type(unsent), unsent.code) == (NotSent, "late")
    assert sandbox.bill.total() == 1


def test_under_a_storm_of_faults_every_ask_is_on_the_bill_once(sandbox, run):
    """Each quick fault at random, about half of 400 asks over 20 connections; the bill lies within what the client knows and doubts."""
    quick = [fault for fault in Fault if fault not in {Fault.NEVER, Fault.SLOW_DRIP}]
    sandbox.vendor.script_faults(*(Rule(fault=fault, probability=0.02, seed=number) for number, fault in enumerate(quick)))

    async def ask_all():
        async with open_client(sandbox) as client:

            async def worker(numbers):
                queries = [
                    Query(product=Product.BANK3, name="李四", id_card=f"110101{n:012}", account_no=f"621700{n:013}")
                    for n in numbers
                ]
                return [await ask_or_error(client, query) for query in queries]

            found = await asyncio.gather(*(worker(range(start, 400, 20)) for start in range(20)))
            return [reply for replies in found for reply in replies]

    replies = run(ask_all())

    doubtful = sum(isinstance(reply, InDoubt) for reply in replies)
    certain = sum(not isinstance(reply, AskError) for reply in replies)
    # A stale connection may die under an ask that was already written: that one never reached the vendor.
    lost = sum(isinstance(reply, InDoubt) and reply.code == "reset" for reply in replies)
    assert doubtful > 50
    assert certain > 150
    assert 400 - lost <= sandbox.bill.total() <= 400
    assert certain <= sandbox.bill.billed() <= certain + doubtful
