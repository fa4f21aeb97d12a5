"""Endpoints that show the node: status, supervision tree, processes, log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from actors.audit import AuditPlace, last_entries
from runtime.daemon.logs import tail
from runtime.gateway.endpoint import Desk, flag, whole_number
from runtime.gateway.wire import WireResponse

MOST_ENTRIES = 10_000
FOLLOW_INTERVAL_S = 0.25
FOLLOW_BLOCK_BYTES = 262_144
COLUMNS = ("name", "id", "class", "status", "restarts", "mailbox", "uptime_s")


class InsightEndpoints:
    """Read only."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def status(self, _request: Request) -> Response:
        """GET /v1/status."""
        settings = self._desk.view.settings
        facts = {
            "pid": os.getpid(),
            "socket": str(settings.socket_path),
            "state_dir": str(settings.state_dir),
            "stopping": self._desk.view.shutdown.draining.is_set(),
        }
        return WireResponse({**facts, **self._desk.view.status()})

    async def tree(self, _request: Request) -> Response:
        """GET /v1/tree: the supervision tree, nested."""
        return WireResponse(await self._desk.view.tree())

    async def processes(self, _request: Request) -> Response:
        """GET /v1/ps: the same, flat, with each actor's path."""
        return WireResponse({"actors": list(flatten(await self._desk.view.tree()))})

    async def audit(self, request: Request) -> Response:
        """GET /v1/audit?tail=N: the last entries of the audit log, oldest first, and how it stands."""
        directory = AuditPlace.of(self._desk.view.settings.state_dir).directory
        count = whole_number(request, "tail", 100, MOST_ENTRIES)
        entries = await asyncio.to_thread(last_entries, directory, count)
        return WireResponse({**self._desk.view.audit.facts(), "entries": entries})

    async def logs(self, request: Request) -> Response:
        """GET /v1/logs?tail=N&follow: the node's log, JSON lines."""
        path = self._desk.view.settings.log_file
        count = whole_number(request, "tail", 100, 100_000)
        if not flag(request, "follow"):
            lines = await asyncio.to_thread(tail, path, count)
            return PlainTextResponse("".join(line + "\n" for line in lines), media_type="application/x-ndjson")
        return StreamingResponse(self._follow(path, count), media_type="application/x-ndjson")

    async def _follow(self, path: Path, count: int) -> AsyncIterator[bytes]:
        position, inode = await asyncio.to_thread(_end_of, path)
        for line in await asyncio.to_thread(tail, path, count):
            yield line.encode() + b"\n"
        while not self._desk.closing.is_set():
            block, position, inode = await asyncio.to_thread(_read_on, path, position, inode)
            if block:
                yield block
            else:
                await asyncio.sleep(FOLLOW_INTERVAL_S)


def flatten(tree: Mapping[str, object], above: str = "", depth: int = 0) -> Iterator[dict[str, Any]]:
    """The nodes of a tree in their order, parents first, without their children."""
    path = f"{above}/{tree.get('name') or tree.get('id')}"
    yield {**{column: tree.get(column) for column in COLUMNS}, "path": path, "depth": depth}
    for child in cast("list[Mapping[str, object]]", tree.get("children") or []):
        yield from flatten(child, path, depth + 1)


def _end_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_ino


def _read_on(path: Path, position: int, inode: int) -> tuple[bytes, int, int]:
    """What was written since; after a rotation the new file from its beginning."""
    size, now = _end_of(path)
    if now != inode or size < position:
        position = 0
    if size <= position:
        return b"", position, now
    try:
        with path.open("rb") as file:
            file.seek(position)
            block = file.read(FOLLOW_BLOCK_BYTES)
    except FileNotFoundError:
        return b"", 0, 0
    return block, position + len(block), now
