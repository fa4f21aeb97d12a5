"""What the TrustLedger ("trust") takes, replies, tells and fails with.

TrustError             (pipelines.guardrails.trust) what was asked for cannot be
└── TrustUnsavedError  it could not be written down, so nothing was changed
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.guardrails.trust import TrustError, TrustRule


class TrustUnsavedError(TrustError):
    """It could not be written down; nothing was changed."""

    code = "trust_unsaved"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"trust stays as it was, because {self.problem}"


@dataclass(frozen=True, slots=True)
class ConsiderTrust:
    """May trust answer a question of this pattern, asked at that Unix time? -> `TrustGiven`, or None: ask a person."""

    pattern: str
    asked_at: float


@dataclass(frozen=True, slots=True)
class NoteAnswer:
    """A person answered a question of this pattern -> None once it is on the disk. Fails with `TrustUnsavedError`: then
    it is known, but nothing is answered by trust until it could be written, and after a kill a rejection is read back
    from the journal. `at` is the Unix time of the answer there; None: now."""

    pattern: str
    approved: bool
    at: float | None = None


@dataclass(frozen=True, slots=True)
class SetTrust:
    """A person's threshold for PIPELINE or PIPELINE/STEP -> the `TrustRule`, on the disk by then. Fails with
    `TrustError`."""

    target: str
    threshold: float
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class ClearTrust:
    """Takes the threshold of PIPELINE or PIPELINE/STEP away, with `history` what was learned below it, too -> how many
    of each went, on the disk by then. Fails with `TrustUnsavedError`: the threshold is gone all the same."""

    target: str
    history: bool = False


@dataclass(frozen=True, slots=True)
class ListTrust:
    """Asks for `TrustNow`."""


@dataclass(frozen=True, slots=True)
class TrustLine:
    """One pattern: its answers by persons, its score, and the threshold that holds, None: a person is always asked.
    `last_at` is Unix time of the last answer."""

    pattern: str
    target: str
    approvals: int
    rejections: int
    streak: int
    score: float
    threshold: float | None
    last_at: float

    @property
    def trusted(self) -> bool:
        """Whether its score reaches the threshold."""
        return self.threshold is not None and self.score >= self.threshold


@dataclass(frozen=True, slots=True)
class TrustNow:
    """All patterns, the last answered first, all rules, and what is wrong; while anything is, trust answers nothing."""

    patterns: tuple[TrustLine, ...]
    rules: tuple[TrustRule, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TrustStateUnsaved:
    """Published when the state could not be written; tried again at each change and every few seconds."""

    problem: str


@dataclass(frozen=True, slots=True)
class TrustRebuilt:
    """Published when what was learned has been read back from the journal: so many answers to so many patterns."""

    answers: int
    patterns: int


@dataclass(frozen=True, slots=True)
class TrustCaughtUp:
    """Published when so many rejections of a pattern were found in the journal that the saved state did not have."""

    pattern: str
    rejections: int


@dataclass(frozen=True, slots=True)
class TrustStateUnreadable:
    """Published when the saved state could not be understood; it lies in `moved_to` now, and trust answers nothing
    until thresholds are set anew."""

    path: str
    problem: str
    moved_to: str
