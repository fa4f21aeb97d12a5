"""Each waits longer than the one it asks: who knows what is wrong says it, and not who lost patience."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from actors.journal import Journal, JournalUnavailableError
from actors.runs import SubmitRun
from actors.runs.recording import _CALL_TIMEOUT_S  # pyright: ignore[reportPrivateUsage]
from actors.runs.trees import RECORD_TIMEOUT_S, START_TIMEOUT_S
from actors.runs.workbench import Workbench
from runtime.client import NodeClient
from runtime.patience import RUN_ENTRY_S, SHIPPED_REQUEST_S, answer_s, client_answer_s, client_entry_s, entry_s
from runtime.settings import load_settings
from tests.runtime.gateway_fakes import PIPELINE, FakeRuns, gateway
from tests.support import run


def default(owner: type, name: str) -> float:
    return inspect.signature(owner).parameters[name].default


def test_the_runs_wait_longer_for_the_journal_than_it_takes_to_say_why_it_cannot_write() -> None:
    assert 2 * default(Journal, "commit_timeout_s") < RECORD_TIMEOUT_S
    assert default(Journal, "commit_timeout_s") < _CALL_TIMEOUT_S


def test_the_gateway_waits_longer_for_the_runs_than_they_take_to_begin_one_or_to_give_up() -> None:
    assert RUN_ENTRY_S > RECORD_TIMEOUT_S + START_TIMEOUT_S
    assert default(Workbench, "record_timeout_s") + _CALL_TIMEOUT_S + START_TIMEOUT_S < RUN_ENTRY_S


@pytest.mark.parametrize("request_timeout_s", [0.1, SHIPPED_REQUEST_S, 86_400.0])
def test_a_client_waits_longer_for_the_gateway_than_that_takes_to_answer(request_timeout_s: float) -> None:
    assert client_answer_s(request_timeout_s) > answer_s(request_timeout_s) > 2 * request_timeout_s
    assert client_entry_s(request_timeout_s) > entry_s(request_timeout_s) > RUN_ENTRY_S


def test_the_client_counts_on_the_time_that_the_settings_give(tmp_path: Path) -> None:
    assert load_settings(None, {"HOME": str(tmp_path)}).limits.request_timeout_s == SHIPPED_REQUEST_S
    client = NodeClient(tmp_path / "s", request_timeout_s=100.0)
    waits = (client._timeout_s, client._entry_s)  # pyright: ignore[reportPrivateUsage]
    assert waits == (client_answer_s(100.0), client_entry_s(100.0))


def test_a_journal_that_takes_longer_than_any_answer_may_is_named_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = FakeRuns.on_receive

    async def slow(self: FakeRuns, message: object) -> object:
        if isinstance(message, SubmitRun):
            await self.kernel.clock.sleep(0.5)
            raise JournalUnavailableError("the server is away", fix="start it")
        return await answer(self, message)

    monkeypatch.setattr(FakeRuns, "on_receive", slow)
    monkeypatch.setattr(FakeRuns, "expected_errors", (JournalUnavailableError,))

    async def main() -> None:
        async with gateway(change=lambda env: env.update(EVOPIPE_LIMITS__REQUEST_TIMEOUT_S="0.1")) as g:
            told = await g.client.post("/v1/runs", json={"definition": PIPELINE, "workspace": str(g.path.parent)})
            assert told.status_code == 507
            assert "the server is away" in told.json()["error"]["message"]

    run(main())
