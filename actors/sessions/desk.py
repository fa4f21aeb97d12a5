"""The session desk: one turn at a time in each session, and no answered turn asked twice.

The desk makes the call itself, because only who makes it can keep its answer before anybody dies of something else. A
caller that ends takes its call along, as everywhere; an answer that is there by then is kept all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from actors.kernel import Actor, OwnFile
from actors.providers import Answer, ProviderError, complete
from actors.sessions.history import as_turns, within_bounds
from actors.sessions.messages import (
    Converse,
    ForgetOldSessions,
    ForgetSession,
    ListSessions,
    ReadSession,
    SessionBusyError,
    SessionError,
    Spoken,
    Transcript,
    UnknownSessionError,
)
from actors.sessions.store import FILE_NAME, KeptTurn, NewTurn, SessionStore

ResultOf = Callable[[Answer], dict[str, JsonValue]]


class _Place:
    """One session's place: who has it speaks. Forgotten when nobody is there or waits."""

    __slots__ = ("lock", "wanted")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class SessionDesk(Actor):
    """Answers `Converse`, `ListSessions`, `ReadSession`, `ForgetSession`, `ForgetOldSessions`; keeps turns in
    `<state_dir>/sessions.sqlite3`. `result_of` makes a step's result of an answer.

    A provider's error, a busy session and a disk that cannot keep a turn fail the caller alone. A file that cannot be
    opened fails every turn with its reason until it can be. After a restart the file is read again; calls that were in
    flight are asked again by their steps.
    """

    expected_errors = (ProviderError, SessionError)

    def __init__(self, state_dir: str | Path, result_of: ResultOf) -> None:
        super().__init__()
        path = Path(state_dir) / FILE_NAME
        self._file = OwnFile(self._cell, lambda: SessionStore(path), SessionError)
        self._result_of = result_of
        self._places: dict[str, _Place] = {}

    async def on_stop(self) -> None:
        """Closes the file once what is being kept is there."""
        await self._file.close()

    def release(self) -> None:
        """After a kill nobody has closed the file."""
        self._file.release()

    def on_receive(self, message: Any) -> Any:
        match message:
            case Converse():
                return self.defer(self._converse(message))
            case ListSessions(limit):
                return self.defer(self._file.use(lambda store: store.sessions(limit)))
            case ReadSession(name, turns):
                return self.defer(self._read(name, turns))
            case ForgetSession(name, wait_s):
                return self.defer(self._forget(name, wait_s))
            case ForgetOldSessions(before, limit):
                return self.defer(self._file.use(lambda store: store.forget_old(before, limit, tuple(self._places))))
            case _:
                raise TypeError(f"the session desk takes Converse, not {type(message).__name__}")

    async def _converse(self, asked: Converse) -> Spoken:
        async with self._place_of(asked.session, asked.wait_s):
            return await self._speak(asked)

    async def _read(self, name: str, turns: int) -> Transcript:
        found = await self._file.use(lambda store: store.transcript(name, turns))
        if found is None:
            raise _unknown(name)
        return found

    async def _forget(self, name: str, wait_s: float) -> bool:
        # A turn under way would otherwise be kept behind the end of its session.
        async with self._place_of(name, wait_s):
            if not await self._file.use(lambda store: store.forget(name)):
                raise _unknown(name)
        return True

    @contextlib.asynccontextmanager
    async def _place_of(self, session: str, wait_s: float) -> AsyncGenerator[None]:
        place = self._places.setdefault(session, _Place())
        place.wanted += 1
        try:
            try:
                async with asyncio.timeout(wait_s):
                    await place.lock.acquire()
            except TimeoutError:
                raise SessionBusyError(
                    f"the session {session!r} was not free within {wait_s:g} s: another turn is under way"
                ) from None
            try:
                yield
            finally:
                place.lock.release()
        finally:
            place.wanted -= 1
            if place.wanted == 0:
                self._places.pop(session, None)

    async def _speak(self, asked: Converse) -> Spoken:
        of_run = asked.run_id if asked.only_this_run else None
        known, past, kept = await self._file.use(
            lambda store: (
                store.find(asked.turn_id),
                store.past(asked.session, asked.max_turns, of_run),
                store.count(asked.session, of_run),
            )
        )
        if known is not None:
            return _spoken(known, repeated=True)
        sent = within_bounds(past, asked.max_turns, asked.max_characters, asked.max_history_tokens)
        request = replace(asked.request, history=as_turns(sent))
        answer = await complete(self.kernel, asked.provider, request)
        turn = NewTurn(
            session=asked.session,
            turn_id=asked.turn_id,
            run_id=asked.run_id,
            question=asked.request.prompt,
            answer=answer.text,
            result=self._result_of(answer),
            sent_turns=len(sent),
            left_out=kept - len(sent),
            durable=asked.durable,
        )
        at = self.kernel.clock.wall()
        return _spoken(await self._file.use(lambda store: store.keep(turn, at)))


def _unknown(name: str) -> UnknownSessionError:
    return UnknownSessionError(f"there is no session {name!r}; `evopipe sessions` lists them")


def _spoken(turn: KeptTurn, *, repeated: bool = False) -> Spoken:
    return Spoken(turn.result, turn.number, turn.sent_turns, turn.left_out, repeated)
