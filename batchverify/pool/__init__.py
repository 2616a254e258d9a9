"""Many asks at once through the gate, on one machine."""

from batchverify.pool.agenda import Agenda, Item
from batchverify.pool.crew import Crew, Limits, Progress, StopSwitch

__all__ = ["Agenda", "Crew", "Item", "Limits", "Progress", "StopSwitch"]
