"""A journal that does not answer, or cannot be read, is named by everything that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from actors.journal import JournalUnavailableError
from actors.kernel import Actor, suspend
from actors.runs import GetRun, ListRuns
from runtime.gateway.endpoint import Desk
from runtime.gateway.streams import EventStream
from tests.runtime.gateway_fakes import FakeRuns, Gateway, gateway
from tests.support import run

PATHS = (
    "/v1/runs",
    "/v1/runs/r1",
    "/v1/runs/r1/history",
    "/v1/runs/r1/events",
    "/v1/runs/r1/outcome",
    "/v1/runs/r1/outputs",
    "/v1/runs/r1/results/first",
)


class SilentJournal(Actor):
    """Takes everything and answers nothing; or refuses."""

    expected_errors = (JournalUnavailableError,)

    def __init__(self, refusal: JournalUnavailableError | None) -> None:
        super().__init__()
        self._refusal = refusal

    def on_receive(self, message: Any) -> Any:
        if self._refusal is not None:
            raise self._refusal
        self.later()


@asynccontextmanager
async def silent(
    monkeypatch: pytest.MonkeyPatch, *, deferred: bool = True, refusal: JournalUnavailableError | None = None
) -> AsyncGenerator[Gateway]:
    """A gateway whose runs ask such a journal, `deferred` as the real ones do or in their handler."""
    answer = FakeRuns.on_receive

    async def asking(self: FakeRuns, message: object) -> Any:
        if not isinstance(message, GetRun | ListRuns):
            return await answer(self, message)
        asked = self.kernel.ref("journal").call(message, timeout_s=20)
        return self.defer(asked) if deferred else await asked

    monkeypatch.setattr(FakeRuns, "on_receive", asking)
    monkeypatch.setattr(FakeRuns, "expected_errors", (JournalUnavailableError,))
    async with gateway(change=lambda env: env.update(EVOPIPE_LIMITS__REQUEST_TIMEOUT_S="0.1")) as g:
        await g.kernel.spawn(SilentJournal, refusal, name="journal")
        yield g


def said(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


@pytest.mark.parametrize("deferred", [True, False], ids=["beside their work", "in the midst of it"])
def test_a_journal_that_does_not_answer_is_named_whoever_asked_it(
    monkeypatch: pytest.MonkeyPatch, deferred: bool
) -> None:
    async def main() -> None:
        for path in PATHS if deferred else PATHS[:2]:
            async with silent(monkeypatch, deferred=deferred) as g:
                status, code, message = said(await g.client.get(path))
                assert (status, code) == (504, "journal_unavailable"), path
                assert "the journal does not answer (not within 0.1 s)" in message

    run(main())


def test_a_journal_that_cannot_be_read_is_not_said_to_be_unable_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        refusal = JournalUnavailableError("the disk is on fire", path="/state/journal.db", fix="put it out")
        async with silent(monkeypatch, refusal=refusal) as g:
            for path in PATHS:
                status, code, message = said(await g.client.get(path))
                assert (status, code) == (507, "journal_unavailable"), path
                assert message == ("this could not be read: /state/journal.db: the disk is on fire. Fix: put it out")

    run(main())


def test_runs_that_do_not_even_take_the_question_are_not_blamed_on_the_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with silent(monkeypatch) as g:
            runs = g.kernel.registry.whereis("runs")
            assert runs is not None
            suspend(runs)
            assert said(await g.client.get("/v1/runs/r1"))[:2] == (504, "timeout")

    run(main())


def test_who_follows_a_run_keeps_hearing_that_the_node_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def often(desk: Desk, **_: float) -> EventStream:
        return EventStream(desk, heartbeat_s=0.05)

    monkeypatch.setattr("runtime.gateway.app.EventStream", often)
    answer, asked = FakeRuns.on_receive, 0

    async def silent_later(self: FakeRuns, message: object) -> Any:
        nonlocal asked
        asked += isinstance(message, GetRun)
        if asked > 1:
            self.later()
            return None
        return await answer(self, message)

    async def main() -> None:
        async with gateway() as g:
            g.seen.status["r1"] = "running"
            monkeypatch.setattr(FakeRuns, "on_receive", silent_later)
            async with asyncio.timeout(5), g.client.stream("GET", "/v1/runs/r1/events") as stream:
                alive = 0
                async for line in stream.aiter_lines():
                    alive += line == ": alive"
                    if alive == 2:
                        break
            assert asked > 2

    run(main())
