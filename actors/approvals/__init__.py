"""Questions to people: asked by steps, answered once, by as many persons as it takes; kept in the runs' journal.

messages   what the desk takes, replies and tells
pending    who waits for what (bookkeeping)
desk       the actor
"""

from actors.approvals.desk import MOST_PENDING, ApprovalDesk
from actors.approvals.messages import (
    AnswerApproval,
    AnsweredError,
    ApprovalError,
    ApprovalSettled,
    ApprovalsPending,
    ApprovalState,
    ApprovalStatus,
    AskPerson,
    Audit,
    GetApproval,
    ListApprovals,
    NoSuchApprovalError,
    NotCountedError,
    NotWaitingError,
    TooManyApprovalsError,
    UnauditedError,
    UnfitAnswerError,
    unaudited,
)

__all__ = [
    "MOST_PENDING",
    "AnswerApproval",
    "AnsweredError",
    "ApprovalDesk",
    "ApprovalError",
    "ApprovalSettled",
    "ApprovalState",
    "ApprovalStatus",
    "ApprovalsPending",
    "AskPerson",
    "Audit",
    "GetApproval",
    "ListApprovals",
    "NoSuchApprovalError",
    "NotCountedError",
    "NotWaitingError",
    "TooManyApprovalsError",
    "UnauditedError",
    "UnfitAnswerError",
    "unaudited",
]
