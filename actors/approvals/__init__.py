"""Questions to people: asked by steps, answered once, kept in the runs' journal.

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
    GetApproval,
    ListApprovals,
    NoSuchApprovalError,
    NotWaitingError,
    TooManyApprovalsError,
    UnfitAnswerError,
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
    "GetApproval",
    "ListApprovals",
    "NoSuchApprovalError",
    "NotWaitingError",
    "TooManyApprovalsError",
    "UnfitAnswerError",
]
