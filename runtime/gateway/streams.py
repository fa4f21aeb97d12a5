"""Server-sent events of a run: what was, then what comes, until the run has ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from actors.journal import JournalError
from actors.kernel import KernelError
from actors.runs import TERMINAL_KINDS, RunError, RunEvent, RunEvents
from runtime.gateway.content import without_content
from runtime.gateway.endpoint import Desk
from runtime.gateway.guard import peer_of
from runtime.gateway.problems import ApiError
from runtime.gateway.runs import ENDED, find_run
from runtime.gateway.wire import encode, to_wire

HEARTBEAT_S = 10.0


class EventStream:
    """GET /v1/runs/{id}/events."""

    def __init__(self, desk: Desk, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._desk = desk
        self._heartbeat_s = heartbeat_s

    async def events(self, request: Request) -> Response:
        """Every kept event of the run, then each new one as it happens.

        Each has `id` (its seq), `event` (its kind) and JSON `data`. `Last-Event-ID` skips what the client has seen.
        A comment line every 10 s shows that the connection lives. `gap` says that events are no longer kept;
        the stream closes after the run's last event, and with `closing` when the socket closes before that.
        """
        run_id = request.path_params["run_id"]
        await find_run(self._desk, run_id)
        if not self._desk.history.begins_at_first(run_id):
            # This gateway began later than the run; the runs' own keeper may know more.
            kept: tuple[RunEvent, ...] = await self._desk.call("runs", RunEvents(run_id))
            self._desk.history.add_older(run_id, kept)
        seen = request.headers.get("last-event-id", "")
        after = int(seen) if re.fullmatch(r"\d{1,15}", seen) else 0
        return StreamingResponse(
            self._stream(run_id, after, peer_of(request).sees_content),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _stream(self, run_id: str, after: int, sees: bool) -> AsyncIterator[str]:
        history = self._desk.history
        yield ": evopipe\n\n"
        while not self._desk.closing.is_set():
            events = _since_reopened(history.since(run_id, after))
            for event in events:
                if event.seq > after + 1 and event.kind != "run_reopened":  # its former life is left out, not lost
                    yield frame("gap", {"run_id": run_id, "missed": event.seq - after - 1})
                after = event.seq
                yield frame(event.kind, event if sees else without_content(to_wire(event)), event.seq)
                if event.kind in TERMINAL_KINDS:
                    return
            if events:
                continue
            ended = await self._ended(run_id, sees)
            if ended is not None and not history.since(run_id, after):
                yield ended
                return
            await history.wait(run_id, after, self._heartbeat_s)
            if not history.since(run_id, after):
                yield ": alive\n\n"
        yield frame("closing", {"run_id": run_id, "reason": "the node's socket closes; the run goes on or resumes"})

    async def _ended(self, run_id: str, sees: bool) -> str | None:
        """The last event of a run that ended before anybody here listened."""
        try:
            async with asyncio.timeout(self._heartbeat_s):  # or a journal that hangs would silence the stream
                known = await find_run(self._desk, run_id)
        except (RunError, JournalError, KernelError, ApiError, TimeoutError):
            return None  # whoever knows is restarting, or does not answer; the next heartbeat asks again
        status = str(known.get("status"))
        if status not in ENDED:
            return None
        facts = {"run_id": run_id, "kind": f"run_{status}", "step": None, "data": {"error": known.get("error")}}
        return frame(f"run_{status}", facts if sees else without_content(facts))


def _since_reopened(events: list[RunEvent]) -> list[RunEvent]:
    """Of a run that was opened again after it had failed: what came since. Its former end is no end any more."""
    last = max((index for index, event in enumerate(events) if event.kind == "run_reopened"), default=0)
    return events[last:]


def frame(kind: str, data: object, seq: int | None = None) -> str:
    """One server-sent event."""
    number = f"id: {seq}\n" if seq is not None else ""
    return f"{number}event: {kind}\ndata: {encode(data)}\n\n"
