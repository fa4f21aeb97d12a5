"""The emergent fallback: other ways to the result of a step that has failed."""

from actors.recovery.messages import FindAnotherWay, GaveUp, Recovered, Tried

__all__ = ["FindAnotherWay", "GaveUp", "Recovered", "Tried"]
