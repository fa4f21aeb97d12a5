"""A real node, a vendor with limits and bad days: breakers, rates, and a door that says when to come again."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from runtime.cli import exits
from runtime.client import NodeClient, RequestFailedError
from tests.node_for_tests import Command, node_home
from tests.support import run
from tests.wire import Answered, Behaviour, Failed, Silent, WireServer
from tests.wire.limits import VendorBucket

pytestmark = pytest.mark.daemon
KEY = "a-key-for-tests"
ASK = """\
name: ask
steps:
  - name: answer
    type: claude
    prompt: "What is a breakwater?"
    on_error: fail
    retry: {max_attempts: ATTEMPTS, base_delay_s: 0.05, max_delay_s: 2}
"""
MANY = """\
name: many
steps:
  - name: answers
    type: parallel_claude
    max_parallel: 16
    tasks: TASKS
    retry: {max_attempts: 10, base_delay_s: 0.2, max_delay_s: 2}
"""
SLOW = """\
name: slow
steps:
  - {name: answer, type: claude, model: claude-haiku-4-5, prompt: "[[slow]] Why?", on_error: fail}
"""
UNFIT = """\
name: unfit
steps:
  - name: answer
    type: claude
    model: claude-sonnet-5
    prompt: "How many?"
    schema: {count: integer}
    on_error: fail
    retry: {max_attempts: 1}
"""
COSTLY = """\
name: costly
steps:
  - {name: answer, type: claude, model: claude-sonnet-5, prompt: "What for?", on_error: fail, retry: {max_attempts: 1}}
"""
KINDS = {
    "EVOPIPE_BREAKERS__PERFORMANCE__WINDOW": "time",
    "EVOPIPE_BREAKERS__PERFORMANCE__SIZE": "60",
    "EVOPIPE_BREAKERS__PERFORMANCE__MIN_CALLS": "2",
    "EVOPIPE_BREAKERS__PERFORMANCE__SLOW_S": "0.3",
    "EVOPIPE_BREAKERS__PERFORMANCE__OPEN_S": "900",
    "EVOPIPE_BREAKERS__QUALITY__SIZE": "4",
    "EVOPIPE_BREAKERS__QUALITY__MIN_CALLS": "2",
    "EVOPIPE_BREAKERS__COST__PIPELINES__COSTLY__MAX_USD": "0.0001",
}
QUICK = {
    "EVOPIPE_BREAKERS__PROVIDER__SIZE": "4",
    "EVOPIPE_BREAKERS__PROVIDER__MIN_CALLS": "2",
    "EVOPIPE_BREAKERS__PROVIDER__HALF_OPEN_CALLS": "1",
}


class Node:
    """A node that is up, with one vendor."""

    def __init__(self, evopipe: Command, vendor: WireServer) -> None:
        self.evopipe = evopipe
        self.vendor = vendor

    async def says(self, *words: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(self.evopipe, *words)
        return done.returncode, done.stdout, done.stderr

    async def outcome(self, *words: str) -> dict[str, Any]:
        return json.loads((await self.says("run", *words, "--json"))[1])

    async def at_once(self, attempts: int) -> dict[str, Any]:
        """The outcome of a run, without a command's time to start."""

        def submit() -> dict[str, Any]:
            with NodeClient(self.evopipe.socket, timeout_s=40) as client:
                return client.submit({"definition": ASK.replace("ATTEMPTS", str(attempts)), "wait": True})

        return await asyncio.to_thread(submit)

    async def run_of(self, definition: str) -> str:
        """`succeeded`, or the error's code and the breaker that it names."""

        def submit() -> dict[str, Any]:
            with NodeClient(self.evopipe.socket, timeout_s=40) as client:
                return client.submit({"definition": definition, "wait": True})

        outcome = await asyncio.to_thread(submit)
        if outcome["status"] == "succeeded":
            return "succeeded"
        named = re.search(r"the circuit breaker (\S+)", outcome["error"]["message"])
        return outcome["error"]["code"] + (f" {named.group(1)}" if named else "")

    async def submitted(self, body: dict[str, Any]) -> tuple[str, str]:
        """The id and the end of the run that stands for this request."""

        def submit() -> tuple[str, str]:
            with NodeClient(self.evopipe.socket, timeout_s=40) as client:
                outcome = client.submit({**body, "wait": True})
                return outcome["run_id"], outcome["status"]

        return await asyncio.to_thread(submit)

    async def metrics(self) -> str:
        """What a scraper reads."""
        url = json.loads((await self.says("status", "--json"))[1])["metrics"]
        async with httpx.AsyncClient(timeout=10) as client:
            return (await client.get(url)).text

    async def breakers(self) -> dict[str, str]:
        listed = json.loads((await self.says("breakers", "--json"))[1])["breakers"]
        return {each["name"]: each["state"] for each in listed}


def with_node(
    main: Callable[[Node], Awaitable[None]],
    env: dict[str, str],
    *queue: Behaviour,
    limits: VendorBucket | None = None,
    tasks: int = 1,
) -> None:
    async def play() -> None:
        with node_home() as evopipe:
            async with WireServer(KEY, queue, limits) as vendor:
                evopipe.env |= {
                    "ANTHROPIC_API_KEY": KEY,
                    "EVOPIPE_PROVIDERS__ANTHROPIC__BASE_URL": vendor.url,
                    **env,
                }
                for attempts in (1, 5):
                    text = ASK.replace("ATTEMPTS", str(attempts))
                    (evopipe.home / f"ask{attempts}.yaml").write_text(text, encoding="utf-8")
                listed = json.dumps([{"id": f"t{number}", "prompt": f"Say {number}."} for number in range(tasks)])
                (evopipe.home / "many.yaml").write_text(MANY.replace("TASKS", listed), encoding="utf-8")
                up = await asyncio.to_thread(evopipe, "up")
                assert up.returncode == exits.OK, up.stderr
                await main(Node(evopipe, vendor))

    run(play(), 90)


def test_a_failing_vendor_is_left_alone_and_a_recovering_one_closes_its_breaker() -> None:
    async def main(node: Node) -> None:
        for _ in range(2):
            assert (await node.at_once(1))["error"]["code"] == "overloaded"
        refused = await node.at_once(1)
        assert refused["error"]["code"] == "breaker_open"
        assert len(node.vendor.calls) == 2
        # Its retries wait as long as the breaker says.
        assert (await node.at_once(5))["status"] == "succeeded"
        assert len(node.vendor.calls) == 3
        assert set((await node.breakers()).values()) == {"closed"}
        _, log, _ = await node.says("logs")
        assert "breaker_changed" in log

    with_node(main, {**QUICK, "EVOPIPE_BREAKERS__PROVIDER__OPEN_S": "4"}, Failed(529), Failed(529))


def test_a_breaker_whose_time_is_over_lets_a_run_in_that_makes_the_trial_call() -> None:
    async def main(node: Node) -> None:
        for _ in range(2):
            await node.at_once(1)
        assert (await node.breakers())["provider:anthropic"] == "open"
        ask = "maturity: beta\n" + ASK.replace("ATTEMPTS", "1")
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await node.run_of(ask) == "succeeded"
                    break
                except RequestFailedError as error:  # the door asks the breaker before anything else does
                    assert "its breaker is open" in str(error)
        assert set((await node.breakers()).values()) == {"closed"}

    with_node(main, {**QUICK, "EVOPIPE_BREAKERS__PROVIDER__OPEN_S": "0.2"}, Failed(529), Failed(529))


def test_a_breaker_that_a_person_opened_stays_open_over_a_restart_until_it_is_reset() -> None:
    async def main(node: Node) -> None:
        asked = {"definition": ASK.replace("ATTEMPTS", "1"), "idempotency_key": "once"}
        first = await node.submitted(asked)
        code, said, _ = await node.says("breaker", "open", "provider:anthropic", "--reason", "the vendor asked us to")
        assert (code, "forced-open" in said) == (exits.OK, True)
        assert "the vendor asked us to" in (await node.outcome("ask1.yaml"))["error"]["message"]
        for words in (("down",), ("up",)):
            code, _, problem = await node.says(*words)
            assert code == exits.OK, problem
        assert await node.breakers() == {"provider:anthropic": "forced_open"}
        assert (await node.outcome("ask1.yaml"))["error"]["code"] == "breaker_open"
        assert len(node.vendor.calls) == 1
        assert await node.submitted(asked) == first  # what keeps new runs out keeps no known one from who repeats it
        _, _, problem = await node.says("breaker", "open", "everything", "--reason", "x")
        assert "expected KIND:SUBJECT" in problem
        state = node.evopipe.home / ".local" / "state" / "evopipe" / "breakers.json"
        state.unlink()
        state.mkdir()  # so that it cannot be written
        code, said, problem = await node.says("breaker", "close", "quality:ask1", "--reason", "we look ourselves")
        assert (code, "forced-closed" in said) == (exits.OK, True)
        assert f"it is in force, but a restart forgets it: {state} cannot be written" in problem
        state.rmdir()
        await node.says("breaker", "reset", "provider:anthropic", "--reason", "it is well again")
        assert (await node.outcome("ask1.yaml"))["status"] == "succeeded"

    with_node(main, {})


def test_slow_unfit_and_costly_calls_each_open_a_breaker_that_outlives_kill_9_until_a_person_resets_it() -> None:
    async def main(node: Node) -> None:
        guarded = {
            "performance:anthropic/claude-haiku-4-5": SLOW,
            "quality:unfit": UNFIT,
            "cost:costly": COSTLY,
        }
        assert [await node.run_of(SLOW) for _ in range(2)] == ["succeeded"] * 2
        node.vendor.queue.extend([Answered("many"), Answered("few")])
        unfit = [await node.run_of(UNFIT) for _ in range(2)]
        assert set(unfit) <= {"malformed_data", "schema_mismatch"}, unfit
        assert await node.run_of(COSTLY) == "succeeded"
        calls = len(node.vendor.calls)
        refused = {name: f"breaker_open {name}" for name in guarded}
        assert {name: await node.run_of(text) for name, text in guarded.items()} == refused
        told = await node.metrics()
        for name in guarded:
            kind, _, subject = name.partition(":")
            assert f'evopipe_breaker_state{{kind="{kind}",subject="{subject}"}} 2.0' in told
            assert f'evopipe_breaker_transitions_total{{kind="{kind}",to="open"}} 1.0' in told
        await asyncio.to_thread(node.evopipe.end)
        assert (await node.says("up"))[0] == exits.OK
        assert {name: await node.run_of(text) for name, text in guarded.items()} == refused
        assert len(node.vendor.calls) == calls
        for name in guarded:
            assert (await node.says("breaker", "reset", name, "--reason", "looked into"))[0] == exits.OK
        assert [await node.run_of(text) for text in guarded.values()] == ["succeeded"] * 3

    with_node(main, KINDS)


def test_calls_never_go_beyond_the_configured_rate() -> None:
    # 120 a minute: 24 at once, then 97 a minute. The vendor's bucket is the same, with one to spare for the way there.
    vendor = VendorBucket(25, 97 / 60)

    async def main(node: Node) -> None:
        outcome = await node.outcome("many.yaml")
        assert outcome["status"] == "succeeded", outcome["error"]
        assert (len(vendor.taken), vendor.refused) == (30, 0)
        assert vendor.taken[-1] - vendor.taken[0] >= 3.0

    with_node(main, {"EVOPIPE_RATE_LIMITS__ANTHROPIC__REQUESTS_PER_MINUTE": "120"}, limits=vendor, tasks=30)


def test_what_the_vendor_tells_of_its_limits_is_kept_to() -> None:
    vendor = VendorBucket(4, 4.0)

    async def main(node: Node) -> None:
        assert (await node.outcome("ask5.yaml"))["status"] == "succeeded"
        outcome = await node.outcome("many.yaml")
        assert outcome["status"] == "succeeded", outcome["error"]
        assert len(vendor.taken) == 17
        # The vendor counts whole requests and rounds its times: a few may come early, most must not.
        assert vendor.refused <= 4

    with_node(main, {}, limits=vendor, tasks=16)


def test_a_node_without_room_says_when_to_come_again_and_wait_waits_for_it() -> None:
    async def main(node: Node) -> None:
        code, out, problem = await node.says("run", "ask1.yaml", "--detach")
        assert code == exits.OK, problem
        await asyncio.wait_for(node.vendor.arrived.wait(), 20)
        code, _, problem = await node.says("run", "ask1.yaml")
        assert code == exits.REFUSED
        assert "1 runs are live already" in problem
        assert "--wait" in problem

        def submit() -> RequestFailedError:
            with NodeClient(node.evopipe.socket, timeout_s=15) as client, pytest.raises(RequestFailedError) as caught:
                client.submit({"definition": ASK.replace("ATTEMPTS", "1")})
            return caught.value

        refused = await asyncio.to_thread(submit)
        assert (refused.status, refused.code) == (429, "too_many_runs")
        assert refused.retry_after_s is not None
        assert refused.retry_after_s >= 1
        waiting = asyncio.create_task(node.says("run", "ask1.yaml", "--wait", "--json"))
        await node.says("cancel", out.strip())
        code, out, problem = await waiting
        assert (code, json.loads(out)["status"]) == (exits.OK, "succeeded"), problem

    with_node(main, {"EVOPIPE_LIMITS__CONCURRENT_RUNS": "1"}, Silent())


def test_a_damaged_state_of_the_breakers_is_said_and_stops_nothing() -> None:
    async def main(node: Node) -> None:
        await node.says("down")
        (place,) = node.evopipe.home.rglob("state*/evopipe")
        (place / "breakers.json").write_text("{", encoding="utf-8")
        await node.says("up")
        _, _, problem = await node.says("breakers")
        assert "could not be read" in problem
        assert "could not be read" in " ".join(json.loads((await node.says("status", "--json"))[1])["breakers"])
        assert (place / "breakers.json.unreadable").exists()
        assert (await node.outcome("ask1.yaml"))["status"] == "succeeded"

    with_node(main, {})
