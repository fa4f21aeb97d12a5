"""What becomes of steps that fail: retries, fallback, continue, fail."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.kernel import Actor, ManualClock
from actors.providers import RefusedError, SpentError, TransientError
from actors.recovery import FindAnotherWay, GaveUp, Recovered
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run

PATIENT = "retry: {max_attempts: 3, base_delay_s: 1, jitter: 0}"


class Boom(Exception):
    pass


class Fallback(Actor):
    def __init__(self, answer: Any, asked: list[FindAnotherWay]) -> None:
        super().__init__()
        self.answer = answer
        self.asked = asked

    def on_receive(self, message: FindAnotherWay) -> Any:
        self.asked.append(message)
        return self.answer


async def retried(node: SmallNode, clock: ManualClock, step: str, *delays: float) -> None:
    for number, delay_s in enumerate(delays, 2):
        await until(lambda n=number: node.kinds(step).count("step_retrying") == n - 1)
        await settle()
        clock.advance(delay_s - 0.01)
        await settle()
        assert node.hands.calls[step] == number - 1
        clock.advance(0.01)
        await until(lambda n=number: node.hands.calls[step] == n)


def test_a_raising_step_is_tried_again_with_growing_delays() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.failures = {"a": [Boom("one"), Boom("two")]}
        await node.submit(echoes(f"a: 1; {PATIENT}"))
        await retried(node, clock, "a", 1, 2)
        assert (await node.outcome()).status == "succeeded"
        assert (await node.record()).steps["a"].attempt == 3
        await node.kernel.shutdown()

    run(main())


def test_retry_after_is_the_least_that_is_waited() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.failures = {"a": [TransientError("rate_limited", "anthropic", "slow down", 7)]}
        await node.submit(echoes(f"a: 1; {PATIENT}"))
        await retried(node, clock, "a", 7)
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_step_out_of_attempts_fails_the_run_with_a_clear_error() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"a": [Boom("no"), Boom("no")]}
        outcome = await node.run(echoes("a: 1; retry: {max_attempts: 2, base_delay_s: 0}", "b: '{{steps.a}}'"))
        assert outcome.status == "failed"
        assert outcome.error is not None
        assert outcome.error["step"] == "a"
        assert outcome.error["message"] == "Boom: no"
        assert outcome.error["attempts"] == 2
        assert node.hands.calls == {"a": 2}
        assert node.kinds("a")[-1] == "step_failed"
        assert (await node.record()).steps["a"].status == "failed"
        await node.kernel.shutdown()

    run(main())


def test_a_refused_request_is_not_tried_again() -> None:
    async def main() -> None:
        node = await small_node()
        node.hands.failures = {"a": [RefusedError("invalid_request", "anthropic", "no")]}
        assert (await node.run(echoes("a: 1"))).status == "failed"
        assert node.hands.calls["a"] == 1
        await node.kernel.shutdown()

    run(main())


def test_with_on_error_continue_the_run_goes_on_with_the_failure_as_result() -> None:
    async def main() -> None:
        node = await small_node()
        text = echoes("a: 1; fail: true; on_error: continue; retry: {max_attempts: 1}", "b: '{{steps.a.error.code}}'")
        outcome = await node.run(text)
        assert outcome.status == "succeeded"
        assert outcome.results["b"] == "echoed_failure"
        assert (await node.record()).steps["a"].status == "continued"
        await node.kernel.shutdown()

    run(main())


def test_a_timeout_interrupts_the_step() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"a": asyncio.Event()}
        await node.submit(echoes("a: 1; timeout_s: 4; retry: {max_attempts: 1}"))
        await until(lambda: node.hands.active == 1)
        clock.advance(4)
        outcome = await node.outcome()
        assert outcome.error is not None
        assert (outcome.status, outcome.error["code"], node.hands.active) == ("failed", "timeout", 0)
        await node.kernel.shutdown()

    run(main())


def test_the_fallback_finds_another_way_and_its_result_is_spliced_in() -> None:
    async def main() -> None:
        node = await small_node()
        asked: list[FindAnotherWay] = []
        await node.kernel.spawn(Fallback, Recovered({"text": "other"}, "degraded", ()), asked, name="fallback")
        outcome = await node.run(echoes("a: 1; fail: true; retry: {max_attempts: 1}", "b: '{{steps.a.text}}'"))
        assert (outcome.status, outcome.results["b"]) == ("succeeded", "other")
        assert (asked[0].step.name, asked[0].error["code"], asked[0].run_id) == ("a", "echoed_failure", "r1")
        assert node.kinds("a") == ["step_started", "fallback_started", "fallback_succeeded", "step_succeeded"]
        assert (await node.record()).steps["a"].status == "recovered"
        await node.kernel.shutdown()

    run(main())


def test_a_fallback_without_an_idea_leaves_the_step_failed() -> None:
    async def main() -> None:
        node = await small_node()
        await node.kernel.spawn(Fallback, GaveUp((), "nothing fits"), [], name="fallback")
        outcome = await node.run(echoes("a: 1; fail: true; retry: {max_attempts: 1}"))
        assert outcome.status == "failed"
        assert "fallback_failed" in node.kinds("a")
        await node.kernel.shutdown()

    run(main())


def test_the_fallback_is_not_asked_by_its_own_runs_nor_when_the_money_is_spent() -> None:
    async def main() -> None:
        node = await small_node()
        asked: list[FindAnotherWay] = []
        await node.kernel.spawn(Fallback, Recovered({}, "x", ()), asked, name="fallback")
        text = echoes("a: 1; fail: true; retry: {max_attempts: 1}")
        assert (await node.run(text, "r1", origin="fallback")).status == "failed"
        node.hands.failures = {"a": [SpentError("credit", "anthropic", "no money")]}
        assert (await node.run(echoes("a: 1"), "r2")).status == "failed"
        assert asked == []
        await node.kernel.shutdown()

    run(main())


def test_a_template_that_leads_nowhere_fails_its_step_at_once() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(echoes("a: {k: 1}", "b: '{{steps.a.nothing}}'"))
        assert outcome.error is not None
        assert (outcome.error["code"], outcome.error["step"]) == ("template_error", "b")
        assert node.hands.calls["b"] == 1
        await node.kernel.shutdown()

    run(main())
