"""The turns of all sessions in one SQLite file, for the owner only. Blocking code.

A turn is one row, committed with a full sync before anybody hears of its answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from pydantic import JsonValue

from actors.sessions.history import PastTurn
from actors.sessions.messages import SessionSummary, SessionUnkeptError, Transcript, Turn

FILE_NAME: Final = "sessions.sqlite3"
KEPT_TURNS: Final = 1_000
KEPT_RUN_SESSIONS: Final = 1_000
VERSION: Final = 1
_BUSY_MS: Final = 5_000
_SCHEMA: Final = """
CREATE TABLE session (
    name TEXT PRIMARY KEY, durable INTEGER NOT NULL, turns INTEGER NOT NULL, began_at REAL NOT NULL,
    spoken_at REAL NOT NULL
) STRICT;
CREATE TABLE turn (
    turn_id TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES session (name) ON DELETE CASCADE,
    number INTEGER NOT NULL, run_id TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, result TEXT NOT NULL,
    sent_turns INTEGER NOT NULL, left_out INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX turn_order ON turn (session, number);
CREATE INDEX session_age ON session (durable, spoken_at);
"""


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A turn to be kept."""

    session: str
    turn_id: str
    run_id: str
    question: str
    answer: str
    result: Mapping[str, JsonValue]
    sent_turns: int
    left_out: int
    durable: bool


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A turn that was kept."""

    session: str
    number: int
    result: Mapping[str, JsonValue]
    sent_turns: int
    left_out: int


class SessionStore:
    """Use from one thread. Every method raises `SessionUnkeptError` when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._explained():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made before SQLite opens it, so that it is never readable for others, not even for a moment.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._prepare()

    def close(self) -> None:
        """Gives the file back."""
        self._db.close()

    def find(self, turn_id: str) -> KeptTurn | None:
        """The turn, if it was answered before."""
        with self._explained():
            row = self._db.execute(
                "SELECT session, number, result, sent_turns, left_out FROM turn WHERE turn_id = ?", (turn_id,)
            ).fetchone()
            return None if row is None else KeptTurn(row[0], row[1], _result(row[2]), row[3], row[4])

    def past(self, session: str, limit: int, run_id: str | None = None) -> tuple[PastTurn, ...]:
        """The latest turns, oldest first; those of one run only, if it is named."""
        with self._explained():
            rows = self._db.execute(
                "SELECT question, answer FROM turn WHERE session = ? AND (? IS NULL OR run_id = ?) "
                "ORDER BY number DESC LIMIT ?",
                (session, run_id, run_id, limit),
            ).fetchall()
            return tuple(PastTurn(question, answer) for question, answer in reversed(rows))

    def count(self, session: str, run_id: str | None = None) -> int:
        """How many turns are kept."""
        with self._explained():
            (number,) = self._db.execute(
                "SELECT count(*) FROM turn WHERE session = ? AND (? IS NULL OR run_id = ?)", (session, run_id, run_id)
            ).fetchone()
            return int(number)

    def keep(self, turn: NewTurn, at: float) -> KeptTurn:
        """Keeps a turn and gives the one that stands: of two with the same id the first. `at` is Unix time.

        The oldest turns of the session beyond `KEPT_TURNS` go, and the oldest sessions of runs beyond
        `KEPT_RUN_SESSIONS`.
        """
        with self._explained(), self._transaction():
            stands = self.find(turn.turn_id)
            if stands is not None:
                return stands
            (number,) = self._db.execute(
                "INSERT INTO session (name, durable, turns, began_at, spoken_at) VALUES (?, ?, 1, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET turns = turns + 1, spoken_at = excluded.spoken_at RETURNING turns",
                (turn.session, turn.durable, at, at),
            ).fetchone()
            facts = (turn.turn_id, turn.session, number, turn.run_id, turn.question, turn.answer)
            text = json.dumps(dict(turn.result), ensure_ascii=False)
            self._db.execute(
                "INSERT INTO turn VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*facts, text, turn.sent_turns, turn.left_out)
            )
            self._db.execute("DELETE FROM turn WHERE session = ? AND number <= ?", (turn.session, number - KEPT_TURNS))
            self._db.execute(
                "DELETE FROM session WHERE name IN (SELECT name FROM session WHERE durable = 0 "
                "ORDER BY spoken_at DESC LIMIT -1 OFFSET ?)",
                (KEPT_RUN_SESSIONS,),
            )
            return KeptTurn(turn.session, number, turn.result, turn.sent_turns, turn.left_out)

    def sessions(self, limit: int) -> tuple[SessionSummary, ...]:
        """The durable sessions, the last used first."""
        with self._explained():
            rows = self._db.execute(
                "SELECT name, turns, began_at, spoken_at FROM session WHERE durable = 1 "
                "ORDER BY spoken_at DESC LIMIT ?",
                (limit,),
            ).fetchall()
            return tuple(SessionSummary(*row) for row in rows)

    def transcript(self, name: str, limit: int) -> Transcript | None:
        """A durable session with its latest turns; None when there is none of that name."""
        with self._explained():
            row = self._db.execute(
                "SELECT name, turns, began_at, spoken_at FROM session WHERE name = ? AND durable = 1", (name,)
            ).fetchone()
            if row is None:
                return None
            turns = self._db.execute(
                "SELECT number, run_id, question, answer FROM turn WHERE session = ? ORDER BY number DESC LIMIT ?",
                (name, limit),
            ).fetchall()
            return Transcript(SessionSummary(*row), tuple(Turn(*turn) for turn in reversed(turns)))

    def forget(self, name: str) -> bool:
        """Deletes a durable session with all its turns; False when there is none of that name."""
        with self._explained(), self._transaction():
            return self._db.execute("DELETE FROM session WHERE name = ? AND durable = 1", (name,)).rowcount > 0

    def forget_old(self, before: float, limit: int, but: Sequence[str] = ()) -> int:
        """Deletes the sessions, durable or not, in which nothing was said since `before`, the oldest first and at most
        `limit`; those named in `but` stay. Gives how many."""
        with self._explained(), self._transaction():
            return self._db.execute(
                "DELETE FROM session WHERE name IN (SELECT name FROM session WHERE spoken_at < ? "
                "AND name NOT IN (SELECT value FROM json_each(?)) ORDER BY spoken_at LIMIT ?)",
                (before, json.dumps(list(but)), limit),
            ).rowcount

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SessionUnkeptError(
                f"{self._path} was written by a newer version of evopipe (schema {version}); use that version, or move "
                "the file aside to begin without sessions"
            )
        if version == 0:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Any:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise SessionUnkeptError(
                f"{self._path}: {error}. Fix: free or mend the disk, or move the file aside to begin without sessions"
            ) from error


def _result(text: str) -> Mapping[str, JsonValue]:
    return cast("Mapping[str, JsonValue]", json.loads(text))
