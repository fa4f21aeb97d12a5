"""Progressive trust: what persons answered to which pattern, and the thresholds that persons set, kept over restarts.

messages   what the ledger takes, replies, tells and fails with
files      its state on the disk
rebuilding what the journal still knows, when they are lost
catching_up rejections that were not written down before a kill
ledger     the actor

How a score is made is in `pipelines.guardrails.trust`; the approval desk asks, and acts.
"""

from actors.trust.ledger import MOST_PATTERNS, TrustLedger
from actors.trust.messages import (
    ClearTrust,
    ConsiderTrust,
    ListTrust,
    NoteAnswer,
    SetTrust,
    TrustCaughtUp,
    TrustLine,
    TrustNow,
    TrustRebuilt,
    TrustStateUnreadable,
    TrustStateUnsaved,
    TrustUnsavedError,
)

__all__ = [
    "MOST_PATTERNS",
    "ClearTrust",
    "ConsiderTrust",
    "ListTrust",
    "NoteAnswer",
    "SetTrust",
    "TrustCaughtUp",
    "TrustLedger",
    "TrustLine",
    "TrustNow",
    "TrustRebuilt",
    "TrustStateUnreadable",
    "TrustStateUnsaved",
    "TrustUnsavedError",
]
