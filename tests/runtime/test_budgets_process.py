"""Budgets of a real node: many runs at once and `kill -9` in the middle; `evopipe budget`; guardrails at the door."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from runtime.cli import exits
from runtime.client import NodeClient, RequestFailedError
from tests.node_for_tests import Command, node_home, wait_gone
from tests.support import run
from tests.wire import Answered, Failed, Silent, Slow, WireServer

pytestmark = pytest.mark.daemon
KEY = "a-key-for-tests"
ASK = """\
name: ask
steps:
  - name: first
    type: claude
    prompt: "What is a breakwater?"
    max_tokens: 100
    on_error: fail
  - name: second
    type: claude
    prompt: "And a mole? {{ steps.first.text }}"
    max_tokens: 100
    on_error: fail
"""

ONE = ASK[: ASK.index("  - name: second")]


class Shop:
    """A node whose `claude` steps go to a server that counts what it answered."""

    def __init__(self, evopipe: Command, vendor: WireServer) -> None:
        self.evopipe = evopipe
        self.vendor = vendor

    async def ask(self, *words: str) -> Any:
        done = await asyncio.to_thread(self.evopipe, *words)
        assert done.returncode == exits.OK, done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    async def over_socket(self, use: Callable[[NodeClient], Any]) -> Any:
        def work() -> Any:
            with NodeClient(self.evopipe.socket, timeout_s=60) as client:
                return use(client)

        return await asyncio.to_thread(work)

    async def submit(self, number: int, text: str = ASK) -> str:
        body: dict[str, Any] = {"definition": text, "inputs": {}, "idempotency_key": f"k{number}"}
        return (await self.over_socket(lambda client: client.post("/v1/runs", body)))["run_id"]

    async def outcome(self, run_id: str) -> dict[str, Any]:
        return await self.over_socket(lambda client: client.get(f"/v1/runs/{run_id}/outcome", timeout_s=60))

    async def budget(self, path: str = "day") -> dict[str, Any]:
        state = await self.ask("budget", "--json")
        return next(each for each in state["accounts"] if each["path"] == path)

    async def kill_9(self) -> None:
        pid = int(self.evopipe.socket.with_name("evopipe.sock.lock").read_text())
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(wait_gone, pid)


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def in_a_shop(main: Callable[[Shop], Awaitable[None]], *queue: Any, **settings: str) -> None:
    async def play() -> None:
        with node_home() as evopipe:
            async with WireServer(KEY, queue) as vendor:
                evopipe.env |= {
                    "ANTHROPIC_API_KEY": KEY,
                    "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": vendor.url,
                    **{f"EVOPIPE_BUDGETS__{name}": value for name, value in settings.items()},
                }
                (evopipe.home / "ask.yaml").write_text(ASK, encoding="utf-8")
                up = await asyncio.to_thread(evopipe, "up")
                assert up.returncode == exits.OK, up.stderr
                await main(Shop(evopipe, vendor))

    run(play(), 100)


def test_many_runs_at_once_never_exceed_a_tiny_budget_together() -> None:
    async def main(shop: Shop) -> None:
        await shop.ask("budget", "set", "day", "--tokens", "800", "--reason", "a test")
        ids = await asyncio.gather(*(shop.submit(number, ONE) for number in range(40)))
        outcomes = await asyncio.gather(*(shop.outcome(each) for each in ids))
        ended = [each["status"] for each in outcomes]
        assert set(ended) == {"succeeded", "failed"}, [each["error"] for each in outcomes]
        codes = {each["error"]["code"] for each in outcomes if each["status"] == "failed"}
        assert codes == {"budget_reached"} or codes == {"budget_reached", "budget_stopped"}
        day = await shop.budget()
        spent = sum(sum(each["usage"].values()) for each in outcomes)
        assert day["tokens_spent"] <= 800
        assert day["tokens_spent"] >= spent > 0
        assert day["tokens_reserved"] == 0
        state = await shop.ask("budget", "--json")
        assert state["leases"] == 0
        assert state["refused"] > 0
        log = (shop.evopipe.home / ".local/state/evopipe/logs/evopipe.log").read_text()
        assert log.count('"budget_changed"') == 1
        assert log.count('"budget_alert"') == 3 - (1 if Decimal(day["used_share"]) < Decimal("0.9") else 0)

    in_a_shop(main)


def test_kill_9_in_the_middle_keeps_the_books_right() -> None:
    async def main(shop: Shop) -> None:
        ids = await asyncio.gather(*(shop.submit(number) for number in range(12)))
        await asyncio.wait_for(shop.vendor.arrived.wait(), 20)
        for _ in range(3):
            await shop.kill_9()
            up = await asyncio.to_thread(shop.evopipe, "up")
            assert up.returncode == exits.OK, up.stderr
        outcomes = await asyncio.gather(*(shop.outcome(each) for each in ids))
        assert {each["status"] for each in outcomes} == {"succeeded"}
        state = await shop.ask("budget", "--json")
        by_run = {each["run"]: each for each in state["runs"]}
        for each in outcomes:
            booked = by_run.get(each["run_id"])
            if booked is not None:
                assert booked["tokens"] == sum(each["usage"].values())
                assert Decimal(booked["usd"]) == Decimal(each["cost_usd"])
        day = await shop.budget()
        assert Decimal(day["usd_spent"]) == sum(Decimal(each["cost_usd"]) for each in outcomes)
        assert day["tokens_spent"] == sum(sum(each["usage"].values()) for each in outcomes)
        assert day["tokens_reserved"] == 0

    in_a_shop(main, *[Slow(0.05) for _ in range(24)])


def test_the_door_lets_a_run_in_that_only_waits_for_room_and_none_that_nothing_is_left_for() -> None:
    async def main(shop: Shop) -> None:
        held = await shop.submit(1, ONE)
        await asyncio.wait_for(shop.vendor.arrived.wait(), 20)
        reserved = (await shop.budget())["tokens_reserved"]
        await shop.ask("budget", "set", "day", "--tokens", str(reserved), "--reason", "a test")
        waits = await shop.submit(2, ONE)
        await shop.over_socket(lambda client: client.post(f"/v1/runs/{held}/cancel", {"reason": "a test"}))
        outcome = await shop.outcome(waits)
        assert outcome["status"] == "succeeded", outcome["error"]
        spent = (await shop.budget())["tokens_spent"]
        assert spent == sum(outcome["usage"].values())
        await shop.ask("budget", "set", "day", "--tokens", str(spent), "--reason", "a test")
        with pytest.raises(RequestFailedError, match="the budget 'day' has 0 that are not spent"):
            await shop.submit(3, ONE)

    in_a_shop(main, Silent())


def test_a_failed_run_that_is_resumed_has_only_what_it_had_left() -> None:
    async def main(shop: Shop) -> None:
        async def set_limit(tokens: str) -> None:  # half of it is what a run of a new pipeline is trusted with
            await shop.ask("budget", "set", "run/simple", "--tokens", tokens, "--reason", "a test")

        async def resumed() -> dict[str, Any]:
            await shop.over_socket(lambda client: client.post(f"/v1/runs/{run_id}/resume", {}))
            return await shop.outcome(run_id)

        await set_limit("800")
        run_id = await shop.submit(1)
        first = await shop.outcome(run_id)
        assert (first["status"], len(shop.vendor.calls)) == ("failed", 2)
        spent = sum(first["usage"].values())
        await set_limit("400")
        refused = await resumed()
        assert refused["error"]["code"] == "budget_reached"
        assert f"{spent} spent" in refused["error"]["message"]
        assert "left of 200" in refused["error"]["message"]
        await shop.kill_9()
        await shop.ask("up")
        assert f"{spent} spent" in (await resumed())["error"]["message"]
        assert len(shop.vendor.calls) == 2
        await set_limit("800")
        ended = await resumed()
        assert ended["status"] == "succeeded", ended["error"]
        assert (await shop.budget())["tokens_spent"] == sum(ended["usage"].values())

    in_a_shop(main, Answered(), Failed(400))


def test_a_model_without_a_price_is_refused_and_an_answer_that_cannot_be_used_is_paid_for() -> None:
    async def main(shop: Shop) -> None:
        text = ASK.replace("max_tokens: 100", "max_tokens: 100\n    model: claude-unheard-of")
        outcome = await shop.outcome(await shop.submit(1, text))
        assert outcome["error"]["code"] == "unknown_price"
        assert shop.vendor.calls == []
        unfit = ONE.replace("max_tokens", "schema: {count: integer}\n    retry: {max_attempts: 1}\n    max_tokens")
        outcome = await shop.outcome(await shop.submit(2, unfit))
        assert outcome["error"]["code"] == "malformed_data"
        assert (await shop.budget())["tokens_spent"] > 0

    in_a_shop(main, Answered("many"))


def test_a_killed_treasury_comes_back_alone_and_calls_wait_for_it() -> None:
    async def main(shop: Shop) -> None:
        await shop.ask("kill-actor", "treasury")
        outcome = await shop.outcome(await shop.submit(1))
        assert outcome["status"] == "succeeded"
        assert (await shop.budget())["tokens_spent"] == sum(outcome["usage"].values())

    in_a_shop(main)


def test_the_report_tells_true_cost_and_break_even_and_the_metrics_what_is_left() -> None:
    async def main(shop: Shop) -> None:
        outcome = await shop.outcome(await shop.submit(1))
        words = ("--saved-minutes", "30", "--hourly-usd", "60", "--development-hours", "2")
        found = await shop.ask("budget", "report", *words, "--json")
        (cost,) = found["pipelines"]
        assert (cost["pipeline"], cost["runs"], cost["usd"]) == ("ask", 1, outcome["cost_usd"])
        assert cost["break_even"]["runs"] == 5
        text = await shop.ask("budget", "report", *words)
        assert "5 successful runs" in text
        assert found["whole_from"] is None
        ledger = shop.evopipe.home / ".local" / "state" / "evopipe" / "treasury.sqlite3"
        with closing(sqlite3.connect(ledger)) as pruned, pruned:
            pruned.execute("INSERT INTO pruned VALUES (1, '2026-01-01')")  # as retention does
        for since, begins in (("2025-12-31", "2026-01-01"), ("2026-01-02", "2026-01-02")):
            told = await asyncio.to_thread(shop.evopipe, "budget", "report", "--since", since)
            assert ("figures are whole from 2026-01-01 on and begin there" in told.stderr) == (begins == "2026-01-01")
        assert (await shop.ask("budget", "report", "--json"))["since"] == "2026-01-01"
        assert "break-even = " in text
        shown = await shop.ask("budget")
        assert "day" in shown
        assert "50.00" in shown
        assert outcome["review"]["quality"]["score"] == 1.0
        assert [each["step"] for each in outcome["review"]["cost"]["dearest"]] == ["second", "first"]
        metrics = await asyncio.to_thread(scraped, (await shop.ask("status", "--json"))["metrics"])
        assert f'evopipe_budget_spent{{budget="day",unit="usd"}} {float(outcome["cost_usd"])}' in metrics
        assert 'evopipe_budget_left{budget="day",unit="usd"} 49.99' in metrics
        refused = await asyncio.to_thread(shop.evopipe, "budget", "set", "weekly", "--usd", "1", "--reason", "x")
        assert refused.returncode == exits.INVALID
        assert "names no budget" in refused.stderr
        refused = await asyncio.to_thread(shop.evopipe, "budget", "set", "day", "--usd", "1e-99", "--reason", "x")
        assert "at most 12 decimals" in refused.stderr

    in_a_shop(main)


def test_the_guardrails_refuse_at_the_door_and_name_phase_rule_and_level() -> None:
    async def main(shop: Shop) -> None:
        text = """\
name: risky
maturity: experimental
steps:
  - {name: ask, type: gemini, prompt: hello, provider: gemini}
  - {name: ship, type: pipeline_deployer, pipeline: {name: inner, steps: [{name: a, type: test_echo, value: 1}]}}
"""
        (shop.evopipe.home / "risky.yaml").write_text(text, encoding="utf-8")
        done = await asyncio.to_thread(shop.evopipe, "run", "risky.yaml")
        assert done.returncode == exits.REFUSED, done.stderr
        assert "pre_execution, validate_security_constraints, experimental" in done.stderr
        assert "verify_provider_availability" in done.stderr or "GEMINI_API_KEY" in done.stderr
        await shop.ask("breaker", "open", "provider:anthropic", "--reason", "the vendor asked us to")
        (shop.evopipe.home / "young.yaml").write_text(f"maturity: beta\n{ONE}", encoding="utf-8")
        done = await asyncio.to_thread(shop.evopipe, "run", "young.yaml")
        assert done.returncode == exits.REFUSED, done.stderr
        assert "step 'first' asks anthropic, which cannot be used: its breaker is forced_open" in done.stderr
        assert shop.vendor.calls == []

    in_a_shop(main)
