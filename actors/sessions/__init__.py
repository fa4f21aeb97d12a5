"""Conversations that outlive the runs which hold them.

messages   what a session takes, replies and tells
history    how much of a conversation goes to the model (pure)
store      turns on disk, one SQLite file
desk       the actor: one turn at a time in each session
"""

from actors.sessions.desk import SessionDesk
from actors.sessions.messages import (
    Converse,
    ForgetSession,
    ListSessions,
    ReadSession,
    SessionBusyError,
    SessionError,
    SessionSummary,
    SessionUnkeptError,
    Spoken,
    Transcript,
    Turn,
    UnknownSessionError,
)

__all__ = [
    "Converse",
    "ForgetSession",
    "ListSessions",
    "ReadSession",
    "SessionBusyError",
    "SessionDesk",
    "SessionError",
    "SessionSummary",
    "SessionUnkeptError",
    "Spoken",
    "Transcript",
    "Turn",
    "UnknownSessionError",
]
