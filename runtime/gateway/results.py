"""Values of runs as streams, however large.

GET /v1/runs/{run_id}/results/{step}   the result of one step, as JSON
GET /v1/runs/{run_id}/outputs          how the run ended, its outputs whole, as JSON
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from actors.journal import KeptText, ReadText
from runtime.gateway.endpoint import Desk
from runtime.gateway.problems import ApiError
from runtime.gateway.recorded import recorded
from runtime.gateway.runs import ENDED, find_run

PIECE: Final = 1 << 20


class ResultEndpoints:
    """Streams of what the journal keeps. A piece is read when the client has taken the one before it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def result(self, request: Request) -> Response:
        """GET /v1/runs/{id}/results/{step}: 200 with the step's result as JSON, however large."""
        return await self._stream(request.path_params["run_id"], request.path_params["step"])

    async def outputs(self, request: Request) -> Response:
        """GET /v1/runs/{id}/outputs: {outputs, error, usage, cost_usd, duration_s}; 409 while the run lives."""
        run_id = request.path_params["run_id"]
        status = str((await find_run(self._desk, run_id)).get("status"))
        if status not in ENDED:
            raise ApiError(409, "run_not_ended", f"run {run_id!r} has not ended ({status}); wait for its outcome.")
        return await self._stream(run_id, None)

    async def _stream(self, run_id: str, step: str | None) -> Response:
        first: KeptText | None = await recorded(self._desk, "journal", ReadText(run_id, step, 0, PIECE))
        if first is None:
            await find_run(self._desk, run_id)
            known = f"GET /v1/runs/{run_id} lists the steps that have one"
            raise ApiError(404, "no_such_result", f"run {run_id!r} has no result of a step {step!r}; {known}.")
        headers = {"content-length": str(first.size_bytes), "etag": f'"{first.sha256}"', "cache-control": "no-store"}
        return StreamingResponse(self._pieces(run_id, step, first), media_type="application/json", headers=headers)

    async def _pieces(self, run_id: str, step: str | None, first: KeptText) -> AsyncIterator[bytes]:
        yield first.part
        at = len(first.part)
        while at < first.size_bytes:
            read: KeptText | None = await recorded(self._desk, "journal", ReadText(run_id, step, at, PIECE))
            if read is None or not read.part:
                return  # shorter than announced: the server cuts the connection, and the client sees it
            yield read.part
            at += len(read.part)
