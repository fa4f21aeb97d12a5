"""Progressive trust: how far the answers of persons to one kind of question let the next answer be foreseen. Pure.

A *pattern* is one step of one content of one pipeline: whatever is changed in the definition, the answers to what it
was say nothing any more. Its *score* is the lower end of an interval for the share of approvals, so that few answers
give a low one. Nothing is approved by a score alone: a person must have set a threshold for it (`TrustRule`).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

Z_95: Final = 1.6449
"""The 95th percentile of the standard normal distribution: the true share is below the score in 1 of 20 cases."""
LEAST_THRESHOLD: Final = 0.8
MOST_THRESHOLD: Final = 0.999
MOST_REFUSED: Final = 16
"""Of so many rejections of a pattern it is known when they were."""
_INDEX: Final = re.compile(r"\[\d+\]")
_HASH_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """What persons answered to one pattern. `streak` counts the approvals since the last rejection; times are Unix
    seconds. `refused_at` are those of the last rejections, `since` is from when on anything counts (it was cleared)."""

    approvals: int = 0
    rejections: int = 0
    streak: int = 0
    last_at: float = 0.0
    since: float = 0.0
    refused_at: tuple[float, ...] = ()

    def after(self, approved: bool, at: float) -> TrustRecord:
        """With one more answer, given at that time."""
        last_at = max(self.last_at, at)
        if approved:
            return replace(self, approvals=self.approvals + 1, streak=self.streak + 1, last_at=last_at)
        refused_at = (*self.refused_at, at)[-MOST_REFUSED:]
        return replace(self, rejections=self.rejections + 1, streak=0, last_at=last_at, refused_at=refused_at)

    def lacks_rejection(self, at: float) -> bool:
        """Whether a rejection of that time is none of those that are counted here."""
        if at in self.refused_at or at <= self.since:
            return False
        return len(self.refused_at) < MOST_REFUSED or at > min(self.refused_at)

    @property
    def answers(self) -> int:
        """How many there were."""
        return self.approvals + self.rejections

    @property
    def score(self) -> float:
        """Confidence from 0 to 1 that a person would approve: that of all answers, or of those since the last rejection
        if that is less. So a rejection sets it to 0, and weighs on it for ever after."""
        return min(wilson_lower(self.approvals, self.answers), wilson_lower(self.streak, self.streak))


@dataclass(frozen=True, slots=True)
class TrustRule:
    """A person's word that questions of `target` (PIPELINE or PIPELINE/STEP) need not be asked at a score of
    `threshold` or more. `at` is Unix time in seconds; earlier questions are none of its business."""

    target: str
    threshold: float
    reason: str
    who: str
    at: float


@dataclass(frozen=True, slots=True)
class TrustGiven:
    """Trust answers a question: by which score of how many answers, and by whose rule."""

    score: float
    answers: int
    rule: TrustRule

    def __str__(self) -> str:
        # Rounded down: 0.949 is no 0.95.
        return f"trust (score {math.floor(self.score * 100) / 100:.2f} of {self.answers})"


class TrustError(Exception):
    """What was asked for cannot be; the text has the fix."""

    code = "invalid_trust"


def wilson_lower(approved: int, answers: int, z: float = Z_95) -> float:
    """The lower end of Wilson's score interval for a share: 0 without answers, n / (n + z^2) for n of n.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927), 209-212. It holds for few answers and for shares near 1, where the usual normal
    interval does not: L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation for a binomial proportion", Statistical
    Science 16 (2001), 101-133.
    """
    if answers <= 0:
        return 0.0
    share, square = approved / answers, z * z
    middle = share + square / (2 * answers)
    reach = z * math.sqrt(share * (1 - share) / answers + square / (4 * answers * answers))
    return max(0.0, (middle - reach) / (1 + square / answers))


def answers_for(threshold: float, z: float = Z_95) -> int:
    """How many approvals without a rejection it takes to reach the threshold."""
    return math.ceil(threshold * z * z / (1 - threshold))


def pattern_of(pipelines: Sequence[str], hashes: Sequence[str], key: str) -> str:
    """The pattern of the step at the path `key`, below these pipelines from the outermost inwards: `NAME/STEP@HASH`.

    The passes of a loop are one pattern. All contents count: an inner pipeline may come from where no hash of the outer
    one reaches.
    """
    content = hashes[0] if len(hashes) == 1 else hashlib.sha256(":".join(hashes).encode()).hexdigest()
    return f"{pipelines[0]}/{_INDEX.sub('', key)}@{content[:_HASH_DIGITS]}"


def target_of(pattern: str) -> str:
    """PIPELINE/STEP of a pattern."""
    return pattern.rpartition("@")[0]


def rule_for(pattern: str, rules: Mapping[str, TrustRule]) -> TrustRule | None:
    """The rule that holds: that of the step, else that of the pipeline."""
    target = target_of(pattern)
    return rules.get(target) or rules.get(target.partition("/")[0])


def trusted(pattern: str, asked_at: float, record: TrustRecord, rules: Mapping[str, TrustRule]) -> TrustGiven | None:
    """Whether trust answers a question that was asked at that time; None: a person must."""
    rule = rule_for(pattern, rules)
    if rule is None or asked_at < rule.at or record.score < rule.threshold:
        return None
    return TrustGiven(record.score, record.answers, rule)


def check_rule(target: str, threshold: float) -> None:
    """Raises `TrustError`."""
    if not target.strip() or target != target.strip() or len(target) > 400 or "@" in target:
        raise TrustError(f"{target[:60]!r} is neither PIPELINE nor PIPELINE/STEP; `evopipe trust` shows them")
    if not LEAST_THRESHOLD <= threshold <= MOST_THRESHOLD:
        raise TrustError(
            f"a threshold is a number from {LEAST_THRESHOLD} to {MOST_THRESHOLD}, not {threshold:g}: 0.95 needs "
            f"{answers_for(0.95)} approvals without a rejection, 0.99 {answers_for(0.99)}"
        )
