"""The node as a process that can be killed at any moment, its start included, and what is on its disk then."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from actors.audit import AuditPlace, check_place
from tests.crash.ledger import Booked, booked_in
from tests.crash.load import SOURCES, WORD, Order
from tests.crash.provider import MARK
from tests.node_for_tests import Command

LOADED_S = 60.0
READY_S = 30.0
GONE_S = 15.0
ANSWER_S = 30.0


class Nursery:
    """The process that nodes are forked from (see `tests.crash.nursery`); one lives at a time."""

    def __init__(self, evopipe: Command) -> None:
        self.evopipe = evopipe
        self.state = evopipe.home / "state"
        self.errors = evopipe.home / "nodes.err"
        with self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.nursery"],
                cwd=evopipe.home,
                env=evopipe.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._heard = b""

    def ask(self) -> int:
        """Has a node begin; its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return int(self.next(LOADED_S)["born"])

    def next(self, seconds: float) -> dict[str, Any]:
        """The next thing it says. Fails when that takes too long."""
        assert self._process.stdout is not None
        while b"\n" not in self._heard:
            ready = select.select([self._process.stdout], [], [], seconds)[0]
            assert ready, f"nothing was heard for {seconds} s: {self.words()}"
            came = os.read(self._process.stdout.fileno(), 65_536)
            assert came, f"the nursery has ended: {self.words()}"
            self._heard += came
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def words(self) -> str:
        """What it and its nodes had to say on stderr."""
        return self.errors.read_text(encoding="utf-8", errors="replace")[-2000:]

    def close(self) -> None:
        """Ends it; a node that still lives goes on (see `Command.end`)."""
        self._process.kill()
        self._process.communicate(timeout=GONE_S)


class Life:
    """One life of the node: from its start to its end. `is_ready` waits; `kill` may come at any time, from any
    thread."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._code: int | None = None
        self.pid = nursery.ask()
        transport = httpx.HTTPTransport(uds=str(nursery.evopipe.socket))
        self._client = httpx.Client(transport=transport, base_url="http://evopipe", timeout=ANSWER_S)

    def is_ready(self) -> bool:
        """Whether the node came up; False when it was killed before. Fails when it refuses to start."""
        said = self._nursery.next(READY_S)
        if "ready" in said:
            return True
        if "ended" in said:
            self._code = int(said["ended"])
        assert self._code == -signal.SIGKILL, f"the node did not start: {said} {self._nursery.words()}"
        return False

    def submit(self, order: Order) -> str | None:
        """The run's id once it is accepted; None when the node died meanwhile."""
        body = {"definition": SOURCES[order.shape], "inputs": {"n": order.number}, "idempotency_key": order.key}
        try:
            answer = self._client.post("/v1/runs", json=body)
        except httpx.TransportError:
            return None
        assert answer.status_code == 202, f"{order}: {answer.text}"
        return answer.json()["run_id"]

    def outcome(self, run_id: str, patiently: bool) -> dict[str, Any] | None:
        """How the run has ended; None when it has not within a minute, or a second."""
        seconds = 60 if patiently else 1
        answer = self._client.get(f"/v1/runs/{run_id}/outcome?timeout_s={seconds}", timeout=seconds + 10)
        assert answer.status_code in (200, 202), f"{run_id}: {answer.text}"
        return answer.json() if answer.status_code == 200 else None

    def allow(self, path: str, tokens: int) -> bool:
        """Sets a budget's limit; whether the node said so before it died."""
        body = {"path": path, "tokens": tokens, "reason": "a crash test"}
        try:
            answer = self._client.post("/v1/budgets", json=body)
        except httpx.TransportError:
            return False
        assert answer.status_code == 200, answer.text
        return True

    def budgets(self) -> dict[str, Any]:
        """How the budgets stand."""
        answer = self._client.get("/v1/budgets")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def questions(self) -> list[str] | None:
        """The ids of the questions that wait for a person; None when the node died meanwhile."""
        try:
            answer = self._client.get("/v1/approvals")
        except httpx.TransportError:
            return None
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["approvals"]]

    def answer(self, question: str) -> bool:
        """Approves; whether the node said that this is the answer. It has another when an earlier one was cut off."""
        path = "/v1/approvals/" + question.replace("/", "%2F")
        try:
            answer = self._client.post(path, json={"approve": True, "data": {"word": WORD}})
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 409), f"{question}: {answer.text}"
        return answer.status_code == 200

    def kill(self) -> None:
        """SIGKILL. Once, before `ended`: until then the pid is this node's."""
        os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> int:
        """Waits for the end; the exit code."""
        self._client.close()
        while self._code is None:
            said = self._nursery.next(GONE_S)
            self._code = int(said["ended"]) if "ended" in said else None
        return self._code

    def stop(self) -> int:
        """Ends it in order."""
        os.kill(self.pid, signal.SIGTERM)
        return self.ended()


@dataclass(frozen=True)
class OnDisk:
    """What a dead node's files say: steps by run, statuses and keys by run, every mark in a recorded answer, those of
    them that steps have as results, what the ledger has booked, and what is wrong with the audit log."""

    steps: Mapping[tuple[str, str], int]
    runs: Mapping[str, tuple[str, str]]
    marks: frozenset[str] = frozenset()
    results: frozenset[str] = frozenset()
    booked: tuple[Booked, ...] = ()
    audit: tuple[str, ...] = ()


def on_disk(state: Path) -> OnDisk:
    """Reads copies: to open a database is to recover it, which is the next node's business."""
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        for file in state.glob("*.sqlite3*"):
            shutil.copy(file, name)
        steps = _rows(Path(name) / "journal.sqlite3", "SELECT run_id, step, result FROM steps")
        runs = _rows(Path(name) / "journal.sqlite3", "SELECT run_id, idempotency_key, status FROM runs")
        turns = _rows(Path(name) / "sessions.sqlite3", "SELECT turn_id, answer FROM turn")
        booked = booked_in(Path(name) / "treasury.sqlite3")
    results = _marks(str(row[2]) for row in steps)
    counted = Counter((row[0], row[1]) for row in steps)
    facts = {row[0]: (row[1], row[2]) for row in runs}
    return OnDisk(counted, facts, results | _marks(str(row) for row in turns), results, booked, _audit_flaws(state))


def _marks(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(mark for text in texts for mark in re.findall(MARK, text))


def _audit_flaws(state: Path) -> tuple[str, ...]:
    try:
        return tuple(str(flaw) for flaw in check_place(AuditPlace.of(state)).flaws)
    except FileNotFoundError:
        return ()  # killed before its first entry


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # killed before it had made its tables
                return []
            raise
