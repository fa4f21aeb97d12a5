"""What the session desk ("sessions") takes, replies, and fails with.

SessionError
├── UnknownSessionError no durable session has that name
├── SessionBusyError    another turn of the session takes too long; the same may succeed later
└── SessionUnkeptError  the turn cannot be kept: the disk does not take it, or the file is not readable
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from actors.providers import Request


class SessionError(Exception):
    """Base; `code` is stable."""

    code = "session"


class UnknownSessionError(SessionError):
    """No durable session has that name."""

    code = "no_such_session"


class SessionBusyError(SessionError):
    """The session's place was not free in time."""

    code = "session_busy"


class SessionUnkeptError(SessionError):
    """The turn could not be kept, so that the session is as it was before."""

    code = "session_unkept"


@dataclass(frozen=True, slots=True)
class Converse:
    """Asks `provider` the next thing in a session -> `Spoken`; fails with `ProviderError` or `SessionError`.

    `turn_id` is the same in every attempt at one turn and after every crash: a turn that was answered is not asked
    again, its answer is given. Turns of one session wait for each other, at most `wait_s`. The latest `max_turns`
    turns are sent along, as far as they fit the other bounds; those of `run_id` alone if `only_this_run`. A session
    that is not `durable` is forgotten some time after its run.
    """

    session: str
    turn_id: str
    run_id: str
    provider: str
    request: Request
    max_turns: int
    max_characters: int
    durable: bool = True
    only_this_run: bool = False
    wait_s: float = 600.0
    max_history_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A turn that is kept. `result` is the step's; `number` counts the session's turns from 1; `sent_turns` of them
    went along as history, `left_out` did not for want of room. `repeated`: it had been answered before."""

    result: Mapping[str, JsonValue]
    number: int
    sent_turns: int
    left_out: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Asks for the durable sessions, the last used first -> tuple[SessionSummary, ...]."""

    limit: int = 100


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One session. Times are Unix seconds."""

    name: str
    turns: int
    began_at: float
    spoken_at: float


@dataclass(frozen=True, slots=True)
class ReadSession:
    """Asks for a durable session's latest turns -> `Transcript`; fails with `UnknownSessionError`."""

    name: str
    turns: int = 20


@dataclass(frozen=True, slots=True)
class ForgetSession:
    """Ends a durable session with all its turns -> True; fails with `UnknownSessionError`, or with
    `SessionBusyError` when a turn of it is under way for longer than `wait_s`."""

    name: str
    wait_s: float = 5.0


@dataclass(frozen=True, slots=True)
class ForgetOldSessions:
    """Ends the sessions, those of runs too, in which nothing was said since `before` (Unix seconds), at most `limit`
    -> how many. One with a turn under way stays."""

    before: float
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a session. `number` counts from 1."""

    number: int
    run_id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """A session with its latest turns, oldest first."""

    session: SessionSummary
    turns: tuple[Turn, ...]
