"""Alerts by mail, DingTalk, WeCom, Feishu or a webhook, when packages run low or a plan needs more than is left.

The one thing to know: an alert holds counts and yuan and nothing else: no person, no file, no job. The places it goes to hold
tokens, so nothing here ever shows one; and whatever goes wrong with an alert is a warning, for a run does not fail by it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from batchverify.errors import BatchVerifyError
from batchverify.job.realm import Realm
from batchverify.rules.balance import BalanceWarning, is_low, shortfall, warnings_of
from batchverify.rules.packages import cheapest_mix
from batchverify.rules.prices import yuan
from batchverify.settings import Settings
from batchverify.store.ledger import Wallet

_log = logging.getLogger(__name__)

#: The command that brings what sending needs.
INSTALL = "pip install 'batchverify[alerts]'"
_TITLE = "batchverify"
_TEST = "This is a test of alerts. 这是一条测试提醒。"
#: They log addresses, and so tokens.
_TALKATIVE = ("apprise", "urllib3", "urllib3.connectionpool", "requests")


def tell_balance(realm: Realm, settings: Settings, *, needed: int = 0) -> None:
    """Send what is to be told of the wallet now, once for each crossing. `needed` is what a plan asks. Never raises, never asks."""
    if not settings.alert_urls:
        return
    try:
        _tell(realm, settings, needed=needed)
    except BatchVerifyError as error:
        _log.warning("No alert was sent: %s", error)


def try_places(settings: Settings) -> list[tuple[str, str]]:
    """Send a test message to each place; gives each place's kind and what went wrong, "" where nothing did."""
    places = [url.get_secret_value() for url in settings.alert_urls]
    return [
        (_kind(place, number), problem)
        for number, (place, problem) in enumerate(zip(places, _send(places, _TEST), strict=True), 1)
    ]


def message_of(kind: BalanceWarning, wallet: Wallet, *, needed: int, low_percent: int, simulated: bool) -> str:
    """What an alert says, in both languages, for nobody knows who reads it."""
    left, total = wallet.left or 0, wallet.total or 0
    match kind:
        case BalanceWarning.LOW:
            lines = [
                f"{left:,} of {total:,} asks are left, less than {low_percent} %. Buy a package before they run out.",
                f"套餐包剩余 {left:,} 次（共 {total:,} 次），低于 {low_percent}%，请及时购买。",
            ]
        case BalanceWarning.SHORT:
            missing = shortfall(left=left, needed=needed)
            price = yuan(cheapest_mix(missing).price)
            lines = [
                f"A plan needs {needed:,} asks and {left:,} are left: {missing:,} are missing. The cheapest packages for them cost ¥{price}.",
                f"计划需要 {needed:,} 次，剩余 {left:,} 次，还差 {missing:,} 次；最省的套餐组合为 ¥{price}。",
            ]
    return "\n".join([*lines, "Simulated by the sandbox. 沙箱模拟。"] if simulated else lines)


def _tell(realm: Realm, settings: Settings, *, needed: int) -> None:
    now = realm.clock.now()
    wallet = realm.ledger.wallet(now=now)
    holding = warnings_of(total=wallet.total, left=wallet.left, low_percent=settings.low_balance_percent, needed=needed)

    def is_over(kind: str, needed_then: int) -> bool:
        if kind == BalanceWarning.SHORT:
            return not shortfall(left=wallet.left, needed=needed_then)
        return not is_low(total=wallet.total, left=wallet.left, low_percent=settings.low_balance_percent)

    amounts = {kind.value: needed if kind is BalanceWarning.SHORT else 0 for kind in holding}
    new = realm.ledger.alerts().crossed(amounts, is_over=is_over, now=now)
    places = [url.get_secret_value() for url in settings.alert_urls]
    for kind in sorted(new):
        text = message_of(
            BalanceWarning(kind), wallet, needed=needed, low_percent=settings.low_balance_percent, simulated=realm.simulated
        )
        problems = _send(places, text)
        for number, (place, problem) in enumerate(zip(places, problems, strict=True), 1):
            if problem:
                _log.warning(
                    "The alert did not reach %s: %s Try it with `batchverify doctor --alert`.", _kind(place, number), problem
                )
        if all(problems):
            realm.ledger.alerts().arm([kind])


def _send(places: Sequence[str], text: str) -> list[str]:
    """Send a text to each place; gives what went wrong with each, "" where nothing did."""
    try:
        from apprise import Apprise  # noqa: PLC0415 - an extra, and a large one
    except ImportError:
        return [f"Sending needs an extra that is not installed: `{INSTALL}`."] * len(places)
    except Exception as error:  # noqa: BLE001 - what a large package does as it is loaded must not end a run
        return [f"What sends could not be loaded ({type(error).__name__})."] * len(places)
    problems = []
    with _silenced():
        for place in places:
            messenger = Apprise()
            problem = "It did not take the message."
            if not messenger.add(place):
                problem = "Its address in 'alert_urls' is not understood."
            else:
                # Plugins raise what they like, with addresses in the text: that it failed is all that is said.
                with suppress(Exception):
                    problem = "" if messenger.notify(title=_TITLE, body=text) else problem
            problems.append(problem)
    return problems


@contextmanager
def _silenced() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


def _kind(place: str, number: int) -> str:
    """Name a place by its number in the setting and its scheme; the rest of an address may be a token."""
    return f"place {number} ({place.partition(':')[0]})"
