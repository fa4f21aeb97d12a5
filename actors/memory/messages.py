"""What the pattern database ("memory") takes, replies and tells."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.recovery import Strategy


@dataclass(frozen=True, slots=True)
class Remember:
    """One more attempt of a strategy against an error of a step type. Sent with `tell`; no reply worth waiting for."""

    step_type: str
    error_code: str
    strategy: Strategy
    fitted: bool


@dataclass(frozen=True, slots=True)
class Recall:
    """Asks what helped before -> dict[Strategy, Experience], without strategies that were never tried."""

    step_type: str
    error_code: str


@dataclass(frozen=True, slots=True)
class PatternsSetAside:
    """Event: the file could not be read, was moved to `kept_as`, and the memory starts empty."""

    path: str
    kept_as: str
    reason: str


@dataclass(frozen=True, slots=True)
class PatternsUnsaved:
    """Event: the file could not be written; the memory goes on and tries again with the next thing it learns."""

    path: str
    reason: str
