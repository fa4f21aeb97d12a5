"""Conversations that outlive the runs which hold them.

messages   what a session takes, replies and tells
history    how much of a conversation goes to the model (pure)
store      turns on disk, one SQLite file; checking: what is wrong in it
desk       the actor: one turn at a time in each session
"""

from actors.sessions.checking import flaws_of_sessions
from actors.sessions.desk import SessionDesk
from actors.sessions.messages import (
    Converse,
    ForgetOldSessions,
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
    "ForgetOldSessions",
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
    "flaws_of_sessions",
]
