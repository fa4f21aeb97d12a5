"""A real node between two vendors that are played by the wire server: both answer, one hesitates, one is down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from importlib.resources import as_file, files
from typing import Any

import pytest

from runtime.cli import exits
from runtime.client import NodeClient
from tests.node_for_tests import Command, node_home
from tests.support import run
from tests.wire import Answered, Behaviour, Failed, Silent, WireServer

pytestmark = pytest.mark.daemon
KEY = "a-key-for-tests"
CONNECTIONS = [f"connection.anthropic.{number}" for number in range(1, 5)]
ASK = """\
name: ask
steps:
  - name: answer
    type: claude
    prompt: "What is a breakwater?"
    retry: {max_attempts: 3, base_delay_s: 0.05, max_delay_s: 0.1}
"""


class Vendors:
    """A node that is up, `claude` and `gemini` steps going to servers of their own."""

    def __init__(self, evopipe: Command, claude: WireServer, gemini: WireServer) -> None:
        self.evopipe = evopipe
        self.claude = claude
        self.gemini = gemini

    async def run(self, *words: str) -> dict[str, Any]:
        """The outcome of a run that must succeed."""
        done = await asyncio.to_thread(self.evopipe, "run", *words, "--json")
        assert done.returncode == exits.OK, done.stderr
        return json.loads(done.stdout)

    async def events(self, run_id: str) -> list[tuple[str, dict[str, Any]]]:
        def read() -> list[tuple[str, dict[str, Any]]]:
            with NodeClient(self.evopipe.socket, timeout_s=15) as client:
                return list(client.events(run_id))

        return await asyncio.to_thread(read)

    async def in_flight(self) -> list[str]:
        """The connections to `claude` that owe an answer."""

        def read() -> list[str]:
            with NodeClient(self.evopipe.socket, timeout_s=15) as client:
                return [each for each in CONNECTIONS if client.get(f"/v1/actors/{each}")["owes"]]

        return await asyncio.to_thread(read)

    async def kill(self, connection: str) -> None:
        done = await asyncio.to_thread(self.evopipe, "kill-actor", connection)
        assert done.returncode == exits.OK, done.stderr


def between_vendors(main: Callable[[Vendors], Awaitable[None]], *claude_queue: Behaviour) -> None:
    async def play() -> None:
        with node_home() as evopipe:
            async with WireServer(KEY, claude_queue) as claude, WireServer(KEY) as gemini:
                evopipe.env |= {
                    "ANTHROPIC_API_KEY": KEY,
                    "GEMINI_API_KEY": KEY,
                    "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": claude.url,
                    "EVOPIPE_PROVIDERS__GEMINI__BASE_URL": gemini.url,
                }
                (evopipe.home / "ask.yaml").write_text(ASK, encoding="utf-8")
                up = await asyncio.to_thread(evopipe, "up")
                assert up.returncode == exits.OK, up.stderr
                await main(Vendors(evopipe, claude, gemini))

    run(play(), 60)


def test_the_two_provider_review_asks_both_and_says_what_it_cost() -> None:
    async def main(vendors: Vendors) -> None:
        with as_file(files("pipelines") / "examples" / "two_provider_review.yaml") as path:
            outcome = await vendors.run(str(path))
        results = outcome["results"]
        assert [results["plan"]["provider"], results["verdict"]["provider"]] == ["gemini", "anthropic"]
        assert results["verdict"]["result"]["recommendation"] in {"ship", "fix_first", "reject"}
        assert [call.vendor for call in vendors.gemini.calls] == ["gemini"]
        assert [call.vendor for call in vendors.claude.calls] == ["anthropic"] * 4
        costs = [Decimal(results[step]["cost_usd"]) for step in ("plan", "sections", "verdict")]
        assert all(cost > 0 for cost in costs)
        assert Decimal(outcome["cost_usd"]) == sum(costs)
        asked = sum(len(call.prompt) for call in (*vendors.claude.calls, *vendors.gemini.calls))
        assert outcome["usage"]["input_tokens"] == asked

    between_vendors(main)


def test_a_rate_limited_call_waits_as_long_as_the_vendor_says_and_then_succeeds() -> None:
    async def main(vendors: Vendors) -> None:
        outcome = await vendors.run("ask.yaml")
        assert outcome["results"]["answer"]["provider"] == "anthropic"
        assert "recovery" not in outcome["results"]["answer"]
        retries = [data for kind, data in await vendors.events(outcome["run_id"]) if kind == "step_retrying"]
        (retry,) = [each["data"] for each in retries]
        assert (retry["error"]["code"], retry["delay_s"] >= 1) == ("rate_limited", True)
        assert len(vendors.claude.calls) == 2

    between_vendors(main, Failed(429, headers={"retry-after": "1"}))


def test_a_rejected_key_is_not_tried_again_and_an_overload_is() -> None:
    async def main(vendors: Vendors) -> None:
        overloaded = await vendors.run("ask.yaml")
        assert (overloaded["results"]["answer"]["provider"], len(vendors.claude.calls)) == ("anthropic", 2)
        rejected = await vendors.run("ask.yaml")
        assert (rejected["results"]["answer"]["provider"], len(vendors.claude.calls)) == ("gemini", 3)

    between_vendors(main, Failed(529), Answered("A wall in the sea."), Failed(401))


def test_a_connection_killed_in_flight_is_replaced_while_its_caller_asks_again() -> None:
    async def main(vendors: Vendors) -> None:
        waiting = asyncio.create_task(vendors.run("ask.yaml"))
        await asyncio.wait_for(vendors.claude.arrived.wait(), 20)
        # Only the one that has the call: killed one after another, they could each take an attempt with them.
        (asked,) = await vendors.in_flight()
        await vendors.kill(asked)
        outcome = await waiting
        assert outcome["results"]["answer"]["provider"] == "anthropic"
        assert "recovery" not in outcome["results"]["answer"]
        assert len(vendors.claude.calls) == 2
        for idle in (each for each in CONNECTIONS if each != asked):
            await vendors.kill(idle)
        tree = (await asyncio.to_thread(vendors.evopipe, "tree")).stdout
        assert all(each in tree for each in CONNECTIONS)

    between_vendors(main, Silent())


def test_with_one_vendor_down_the_other_answers_and_the_result_says_so() -> None:
    async def main(vendors: Vendors) -> None:
        outcome = await vendors.run("ask.yaml")
        answer = outcome["results"]["answer"]
        assert answer["provider"] == "gemini"
        assert (answer["recovery"]["strategy"], answer["recovery"]["detail"]) == ("other_provider", "gemini")
        assert answer["recovery"]["error"]["code"] == "server_error"
        assert answer["recovery"]["error"]["provider"] == "anthropic"
        assert (len(vendors.claude.calls), len(vendors.gemini.calls)) == (3, 1)
        kinds = [kind for kind, _ in await vendors.events(outcome["run_id"])]
        assert "fallback_succeeded" in kinds
        assert Decimal(outcome["cost_usd"]) == Decimal(answer["cost_usd"]) > 0
        assert KEY not in json.dumps(outcome)

    between_vendors(main, *[Failed(500)] * 20)
