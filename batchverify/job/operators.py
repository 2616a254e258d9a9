"""Who asks: what must be said of it, and how much somebody may ask until midnight in Beijing, where the settings say so.

The one thing to know: the day is looked at before anybody is asked to confirm, and once more, and for good, in the transaction that
begins the run.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from batchverify.errors import SettingsError
from batchverify.job.approval import is_same_person
from batchverify.job.options import Options
from batchverify.rules.windows import BEIJING
from batchverify.settings import Settings
from batchverify.store.ledger.shapes import OperatorDay


def day_of_operator(settings: Settings, operator: str, *, now: datetime) -> OperatorDay | None:
    """Give the day of an operator, None where no setting bounds it.

    Raises:
        SettingsError: It is bounded, and nobody has said who asks. Nothing was sent.
    """
    if settings.asks_per_operator_per_day is None:
        return None
    if not operator:
        raise SettingsError(
            "The setting 'asks_per_operator_per_day' counts by operator, and there is none. Add --operator NAME. Nothing was sent."
        )
    began = now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    return OperatorDay(
        operator=operator, most=settings.asks_per_operator_per_day, since=began, is_of=partial(is_same_person, operator)
    )


def refuse_without_mandate(options: Options, settings: Settings) -> None:
    """Refuse a run that is not accounted for where `strict` demands it. Raises SettingsError; nothing was sent."""
    mandate = options.mandate
    missing = [f"--{name}" for name in ("purpose", "authorization", "operator") if not getattr(mandate, name)]
    if settings.strict and missing:
        raise SettingsError(f"The setting 'strict' demands {', '.join(missing)}. Nothing was sent.")
