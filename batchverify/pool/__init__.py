"""Many asks at once through the gate, on one machine."""

from batchverify.pool.agenda import Agenda, Item
from batchverify.pool.crew import Crew
from batchverify.pool.terms import Limits, Progress, StopSwitch

__all__ = ["Agenda", "Crew", "Item", "Limits", "Progress", "StopSwitch"]
