"""The emergent fallback: other ways to the result of a step that has failed."""

from actors.recovery.messages import FindAnotherWay, GaveUp, Recovered, Tried
from actors.recovery.rescue import EmergentFallbackActor, ExperienceUnavailable

__all__ = ["EmergentFallbackActor", "ExperienceUnavailable", "FindAnotherWay", "GaveUp", "Recovered", "Tried"]
