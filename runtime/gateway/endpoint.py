"""What all endpoints share: the node's parts they may use, deadlines, and errors as answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from actors.audit import Decision, Note
from runtime.gateway.body import LARGE_BODY_BYTES, read_body
from runtime.gateway.exchange import until_left
from runtime.gateway.guard import peer_of
from runtime.gateway.history import EventHistory
from runtime.gateway.problems import ApiError, as_api_error
from runtime.gateway.turns import ReadingTurns
from runtime.gateway.view import NodeView

READ_AT_ONCE = 2
LOADED_AT_ONCE = 8

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
T = TypeVar("T")
Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What an endpoint has at hand."""

    view: NodeView
    history: EventHistory
    closing: asyncio.Event
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READ_AT_ONCE))
    loading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOADED_AT_ONCE))
    turns: ReadingTurns = field(default_factory=ReadingTurns)

    @property
    def deadline_s(self) -> float:
        """How long an ordinary answer may take."""
        return self.view.settings.limits.request_timeout_s

    async def body(self, request: Request, model: type[M]) -> M:
        """The checked body of a request."""
        limits = self.view.settings.limits

        async def in_turn(function: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
            async with self.turns.turn(peer_of(request).tenant, limits.request_timeout_s):
                return await asyncio.to_thread(function, *args, **more)

        return await read_body(
            request, model, limit_bytes=limits.request_bytes, timeout_s=limits.request_timeout_s, aside=in_turn
        )

    async def short_body(self, request: Request, model: type[M]) -> M:
        """The checked body of a request that must not wait behind the large ones of others."""
        limits = self.view.settings.limits
        most = min(limits.request_bytes, LARGE_BODY_BYTES - 1)
        return await read_body(request, model, limit_bytes=most, timeout_s=limits.request_timeout_s)

    async def aside(self, function: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """Reads what a client sent in a thread, two at a time: the node's own work (a kill switch saves itself) needs
        the other threads, and the loop its turn."""
        async with self.reading:
            return await asyncio.to_thread(function, *args, **more)

    @contextlib.asynccontextmanager
    async def loading_turn(self, request: Request | None = None) -> AsyncGenerator[None]:
        """For an answer that is made of what was kept, and may be megabytes: a few are made at a time, whoever asks.
        Raises `ApiError` 503 where the turn does not come in time, or the client of `request` has left."""
        try:
            async with asyncio.timeout(self.deadline_s) as wait:
                with until_left({} if request is None else request.scope, wait):
                    await self.loading.acquire()
        except TimeoutError:
            raise ApiError(
                503, "busy", f"other answers were being made for {self.deadline_s:g} s; ask again."
            ) from None
        try:
            yield
        finally:
            self.loading.release()

    def record(self, make: Callable[..., Decision], request: Request, *facts: Any, **more: Any) -> None:
        """Has a person's decision kept in the audit log: `make(at, who, *facts, **more)`."""
        decision = make(self.view.kernel.clock.wall(), peer_of(request).name, *facts, **more)
        self.view.audit.record(decision)

    async def note(self, make: Callable[..., Decision], request: Request, *facts: Any) -> None:
        """As `record`, and returns when the entry is on the disk. Raises `AuditError` and kernel errors."""
        await self.call("audit", Note(make(self.view.kernel.clock.wall(), peer_of(request).name, *facts)))

    async def call(self, actor: str, message: object, timeout_s: float | None = None) -> Any:
        """Asks a named actor. Kernel errors are mapped by `answering`."""
        return await self.view.kernel.ref(actor).call(message, timeout_s=timeout_s or self.deadline_s)


def answering(
    endpoint: Answer, deadline_s: Callable[[], float] | None = None, admit: Callable[[Request], None] | None = None
) -> Answer:
    """`endpoint` with its errors as JSON answers, and with a deadline when one is given. `admit` may refuse first."""

    async def answer(request: Request) -> Response:
        try:
            if admit is not None:
                admit(request)
            if deadline_s is None:
                return await endpoint(request)
            async with asyncio.timeout(deadline_s()):
                return await endpoint(request)
        except Exception as error:  # noqa: BLE001 - the border: whatever it is, the client gets an answer, the log the trace
            return as_api_error(error).response()

    return answer


def whole_number(request: Request, name: str, default: int, highest: int) -> int:
    """A query parameter from 0 to `highest`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= highest):
        raise ApiError(400, "bad_query", f"{name} must be a whole number from 0 to {highest}, not {text!r}.")
    return int(text)


def flag(request: Request, name: str) -> bool:
    """A query parameter that is on when it is there, unless it says no."""
    return request.query_params.get(name, "no").lower() not in ("", "no", "0", "false", "off")
