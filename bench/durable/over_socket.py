"""Submit and wait for a run of one no-op step, over the socket of a real node with its real journal.

The client writes prepared requests on kept-alive connections and reads no more of an answer than it must: what is
measured is the node. It has a process of its own (this one), so node and client share the machine's cores.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import Scale, median, percentile
from bench.startup import EVOPIPE, seconds_of
from runtime.demo.home import Home, temporary_home

NO_OP = "name: no_op\nsteps:\n  - {name: only, type: test_echo, value: done}\n"
CLIENTS = 50
WARM_UP = 50
ANSWER_DEADLINE_S = 30.0


def socket_figures(scale: Scale, synchronous: str) -> dict[str, float]:
    """Milliseconds with one client, requests a second with 50."""
    with temporary_home() as made:
        home = Home(made.root, {**made.environ, "EVOPIPE_JOURNAL__SYNCHRONOUS": synchronous})
        seconds_of([*EVOPIPE, "up", "--detach"], home)
        try:
            return asyncio.run(_measured(home.socket, home.directory("files"), scale))
        finally:
            subprocess.run([*EVOPIPE, "down", "--now"], check=False, capture_output=True, env=dict(home.environ))


async def _measured(path: Path, workspace: Path, scale: Scale) -> dict[str, float]:
    request = _request(workspace)
    await _client(path, request, iter(range(WARM_UP)))
    alone = await _client(path, request, iter(range(scale.count(2_000))))
    count = scale.count(5_000)
    left = iter(range(count))  # shared: whoever is free takes the next one
    started = time.perf_counter()
    crowd = await asyncio.gather(*(_client(path, request, left) for _ in range(CLIENTS)))
    seconds = time.perf_counter() - started
    waited = [sample for samples in crowd for sample in samples]
    return {
        "p50_ms": median(alone) * 1e3,
        "p99_ms": percentile(alone, 0.99) * 1e3,
        "requests_per_s": count / seconds,
        "crowd_p50_ms": median(waited) * 1e3,
        "crowd_p99_ms": percentile(waited, 0.99) * 1e3,
    }


def _request(workspace: Path) -> bytes:
    body = json.dumps({"definition": NO_OP, "workspace": str(workspace), "wait": True, "timeout_s": 20}).encode()
    head = f"POST /v1/runs HTTP/1.1\r\nhost: e\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _client(path: Path, request: bytes, turns: Iterator[Any]) -> list[float]:
    """Seconds of each request on one connection. Raises `RuntimeError` for any answer but a run that succeeded."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    samples: list[float] = []
    try:
        for _ in turns:
            started = time.perf_counter()
            writer.write(request)
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
            samples.append(time.perf_counter() - started)
            if not head.startswith(b"HTTP/1.1 200 ") or b'"succeeded"' not in body:
                raise RuntimeError(f"the node answered {head[:40]!r} {body[:300]!r}")
    finally:
        writer.close()
    return samples


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise RuntimeError(f"no length in {head!r}")
