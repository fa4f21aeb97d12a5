"""Server-sent events of a run: what was, then what comes, until the run has ended."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from actors.kernel import KernelError
from runtime.gateway.endpoint import Desk
from runtime.gateway.history import TERMINAL
from runtime.gateway.problems import ApiError
from runtime.gateway.runs import find_run
from runtime.gateway.wire import encode

HEARTBEAT_S = 10.0
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class EventStream:
    """GET /v1/runs/{id}/events."""

    def __init__(self, desk: Desk, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._desk = desk
        self._heartbeat_s = heartbeat_s

    async def events(self, request: Request) -> Response:
        """Every kept event of the run, then each new one as it happens.

        Each has `id` (its seq), `event` (its kind) and JSON `data`. `Last-Event-ID` skips what the client has seen.
        A comment line every 10 s shows that the connection lives. `gap` says that events are no longer kept;
        the stream closes after the run's last event.
        """
        run_id = request.path_params["run_id"]
        await find_run(self._desk, run_id)
        seen = request.headers.get("last-event-id", "")
        position = self._desk.history.position_of(run_id, int(seen)) if re.fullmatch(r"\d{1,15}", seen) else 0
        return StreamingResponse(
            self._stream(run_id, position),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _stream(self, run_id: str, position: int) -> AsyncIterator[str]:
        history = self._desk.history
        yield ": evopipe\n\n"
        while not self._desk.closing.is_set():
            entries = history.since(run_id, position)
            for number, event in entries:
                if number > position + 1:
                    yield frame("gap", {"run_id": run_id, "missed": number - position - 1})
                position = number
                yield frame(event.kind, event, event.seq)
                if event.kind in TERMINAL:
                    return
            if not entries:
                # Not only after events: what ended before this gateway began has left none.
                ended = await self._ended(run_id)
                if ended is not None and not history.since(run_id, position):
                    yield ended
                    return
                await history.wait(run_id, position, self._heartbeat_s)
                if not history.since(run_id, position):
                    yield ": alive\n\n"
        yield frame("closing", {"run_id": run_id, "reason": "the node's socket closes; the run goes on or resumes"})

    async def _ended(self, run_id: str) -> str | None:
        try:
            known = await find_run(self._desk, run_id)
        except (ApiError, KernelError):
            return None  # whoever knows is restarting; the next heartbeat asks again
        status = str(known.get("status"))
        if status not in ENDED:
            return None
        return frame(f"run_{status}", {"run_id": run_id, "kind": f"run_{status}", "data": {}})


def frame(kind: str, data: object, seq: int | None = None) -> str:
    """One server-sent event."""
    number = f"id: {seq}\n" if seq is not None else ""
    return f"{number}event: {kind}\ndata: {encode(data)}\n\n"
