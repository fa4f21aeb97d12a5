"""Limits of runs, through the real engine."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pytest

from actors.journal import MemoryStore
from actors.kernel import ManualClock
from actors.providers import Request
from actors.runs import pipeline_name, step_name
from actors.steps import StepContext
from actors.steps.paying import paid
from tests.actors_for_tests import settle, until
from tests.runs_for_tests import SmallNode, echoes, small_node
from tests.support import run


@dataclass
class Caller:
    """A `claude` step that pays for a call of 100 tokens at most, which uses 60, as a provider's answer would."""

    most: int = 100
    used: int = 60
    price: Decimal | None = Decimal(0)
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    calls: Counter[str] = field(default_factory=Counter[str])

    async def __call__(self, context: StepContext) -> Any:
        request = Request("", model="m", max_tokens=self.most - 32)
        async with paid(context.purse, "offline", request) as bill:
            self.calls[context.key] += 1
            if context.key in self.gates:
                await self.gates[context.key].wait()
            bill.answered("m", self.used, 0, self.price)
        usage = {"input_tokens": self.used, "output_tokens": 0}
        return {"text": "t", "result": "t", "success": True, "usage": usage, "cost_usd": str(self.price or 0)}


def unpriced(_provider: str, _model: str | None, _in: int, _out: int) -> None:
    return None


def per_thousand(_provider: str, _model: str | None, input_tokens: int, output_tokens: int) -> Decimal:
    return Decimal(input_tokens + output_tokens) / 1000


async def node_with(caller: Caller, **more: Any) -> SmallNode:
    return await small_node(executors={"claude": caller}, **more)


def asking(*names: str, head: str = "", keys: str = "") -> str:
    lines = "".join(f"  - {{name: {name}, type: claude, prompt: x{keys}}}\n" for name in names)
    return f"name: p\n{head}steps:\n{lines}"


def limit_of(outcome: Any) -> tuple[str, str, Any]:
    assert outcome.error is not None
    return outcome.error["code"], outcome.error.get("limit"), outcome.error.get("value")


def test_every_started_step_counts_those_of_loops_too() -> None:
    text = """
name: p
limits: {max_steps: 4}
steps:
  - name: each
    type: for_loop
    data_source: [1, 2, 3, 4, 5]
    break_on_error: false
    steps: [{name: a, type: test_echo, value: 1, on_error: continue}]
"""

    async def main() -> None:
        node = await small_node()
        outcome = await node.run(text)
        assert limit_of(outcome) == ("limit_reached", "max_steps", 4)
        assert outcome.error is not None
        assert (outcome.error["spent"], outcome.error["pipelines"]) == (4, ["p"])
        assert sum(node.hands.calls.values()) == 3
        assert "fallback_started" not in [event.kind for event in node.events]
        await node.kernel.shutdown()

    run(main())


def test_the_last_steps_run_though_no_step_is_left() -> None:
    async def main() -> None:
        node = await small_node()
        text = echoes("a: 1", "b: '{{ steps.a }}'", head="limits: {max_steps: 1}\n")
        text += """finally:
  - name: each
    type: for_loop
    data_source: [1, 2]
    steps: [{name: tidy, type: test_echo, value: "{{ workflow.error.limit }}"}]
"""
        outcome = await node.run(text)
        assert limit_of(outcome) == ("limit_reached", "max_steps", 1)
        assert (await node.record()).steps["each[1]/tidy"].result == "max_steps"
        await node.kernel.shutdown()

    run(main())


NESTED = """
name: outer
{head}
steps:
  - name: inner
    type: pipeline
    {keys}
    pipeline:
      name: inner
      {inner}
      steps:
        - {{name: a, type: test_echo, value: 1, on_error: continue}}
        - {{name: b, type: test_echo, value: "{{{{ steps.a }}}}", on_error: continue}}
        - {{name: c, type: test_echo, value: "{{{{ steps.b }}}}", on_error: continue}}
  - {{name: after, type: test_echo, value: "{{{{ steps.inner.error.limit | default('none') }}}}"}}
"""


@pytest.mark.parametrize(
    ("head", "keys", "inner"),
    [
        ("limits: {max_steps: 3}", "", ""),
        ("", "config: {max_steps: 2}", ""),
        ("", "", "limits: {max_steps: 2}"),
        ("limits: {max_depth: 0}", "", ""),
    ],
)
def test_a_pipeline_that_has_no_room_left_is_not_entered(head: str, keys: str, inner: str) -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(NESTED.format(head=head, keys=keys, inner=inner))
        assert limit_of(outcome)[0] == "limit_reached"
        assert cast("Any", outcome.error)["pipelines"][-1] in {"inner", "outer"}
        assert node.hands.calls == {}
        await node.kernel.shutdown()

    run(main())


def test_the_step_around_a_limited_pipeline_may_go_on_without_it() -> None:
    async def main() -> None:
        node = await small_node()
        outcome = await node.run(NESTED.format(head="", keys="on_error: continue", inner="limits: {max_steps: 2}"))
        assert (outcome.status, outcome.results["after"]) == ("succeeded", "max_steps")
        await node.kernel.shutdown()

    run(main())


def test_steps_at_work_together_never_have_more_set_aside_than_there_is() -> None:
    async def main() -> None:
        caller = Caller(gates={name: asyncio.Event() for name in "ab"})
        node = await node_with(caller)
        head = "limits: {max_tokens: 250}\non_failure: finish\n"
        await node.submit(asking("a", "b", "c", head=head, keys=", on_error: fail"))
        await until(lambda: len(caller.calls) == 2 and "step_failed" in node.kinds("c"))
        for gate in caller.gates.values():
            gate.set()
        outcome = await node.outcome()
        assert limit_of(outcome) == ("limit_reached", "max_tokens", 250)
        assert outcome.usage["input_tokens"] == 120
        await node.kernel.shutdown()

    run(main())


def test_what_a_call_did_not_use_may_be_used_by_the_next() -> None:
    async def main() -> None:
        caller = Caller()
        node = await node_with(caller)
        text = asking("a", head="limits: {max_tokens: 160}\n")
        text += "  - {name: b, type: claude, prompt: '{{ steps.a.text }}'}\n"
        assert (await node.run(text)).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_killed_step_gives_back_what_was_set_aside_for_it() -> None:
    async def main() -> None:
        caller = Caller(gates={"a": asyncio.Event()})
        node = await node_with(caller)
        await node.submit(asking("a", head="limits: {max_tokens: 150}\n"))
        await until(lambda: caller.calls["a"] == 1)
        ref = node.kernel.registry.whereis(step_name("r1", "a"))
        assert ref is not None
        ref.kill()
        await until(lambda: caller.calls["a"] == 2)
        caller.gates["a"].set()
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_a_restarted_pipeline_actor_learns_what_its_surviving_steps_have_set_aside() -> None:
    async def main() -> None:
        caller = Caller(gates={"a": asyncio.Event()})
        node = await node_with(caller)
        node.hands.gates = {"g": asyncio.Event()}
        text = asking("a", head="limits: {max_tokens: 150}\non_failure: finish\n")
        text += "  - {name: g, type: test_echo, value: 1}\n"
        text += "  - {name: b, type: claude, prompt: '{{ steps.g }}'}\n"
        await node.submit(text)
        await until(lambda: caller.calls["a"] == 1 and node.hands.active == 1)
        ref = node.kernel.registry.whereis(pipeline_name("r1"))
        assert ref is not None
        ref.kill()
        await until(lambda: "run_resumed" in node.kinds())
        node.hands.gates["g"].set()
        await until(lambda: "step_failed" in node.kinds("b"))
        caller.gates["a"].set()
        outcome = await node.outcome()
        assert limit_of(outcome) == ("limit_reached", "max_tokens", 150)
        assert (caller.calls, outcome.usage["input_tokens"]) == ({"a": 1}, 60)
        await node.kernel.shutdown()

    run(main())


def test_the_ledger_is_rebuilt_from_recorded_results() -> None:
    async def main() -> None:
        store = MemoryStore()
        caller = Caller(gates={"b": asyncio.Event()})
        first = await node_with(caller, store=store)
        text = asking("a", head="limits: {max_tokens: 160}\n")
        text += "  - {name: b, type: claude, prompt: '{{ steps.a.text }}'}\n"
        text += "  - {name: c, type: claude, prompt: '{{ steps.b.text }}'}\n"
        await first.submit(text)
        await until(lambda: caller.calls["b"] == 1)
        first.top.kill()
        await first.kernel.shutdown()
        after = Caller()
        second = await node_with(after, store=store)
        outcome = await second.outcome()
        assert limit_of(outcome) == ("limit_reached", "max_tokens", 160)
        assert outcome.error is not None and (outcome.error["step"], outcome.error["spent"]) == ("c", 120)
        assert after.calls == {"b": 1}
        await second.kernel.shutdown()

    run(main())


def test_money_is_limited_only_where_a_price_is_known() -> None:
    async def main() -> None:
        caller = Caller()
        node = await node_with(caller)
        object.__setattr__(node.bench, "price_of", unpriced)
        outcome = await node.run(asking("a", head="limits: {max_cost_usd: 1}\n", keys=", on_error: continue"))
        assert limit_of(outcome)[0] == "unknown_price"
        assert "config/models.yaml" in str(outcome.error)
        assert not caller.calls
        await node.kernel.shutdown()

    run(main())


def test_what_costs_too_much_is_not_asked_for() -> None:
    async def main() -> None:
        caller = Caller(price=Decimal("0.06"))
        node = await node_with(caller)
        object.__setattr__(node.bench, "price_of", per_thousand)
        text = asking("a", head="limits: {max_cost_usd: 0.15}\n")
        text += "  - {name: b, type: claude, prompt: '{{ steps.a.text }}'}\n"
        outcome = await node.run(text)
        assert limit_of(outcome) == ("limit_reached", "max_cost_usd", "0.15")
        assert outcome.error is not None and outcome.error["spent"] == "0.06"
        assert caller.calls == {"a": 1}
        await node.kernel.shutdown()

    run(main())


def test_a_run_without_limits_of_tokens_or_money_asks_nobody() -> None:
    async def main() -> None:
        purses: list[object] = []

        async def look(context: StepContext) -> Any:
            purses.append(context.purse)
            return 1

        node = await small_node(executors={"claude": look})
        assert (await node.run(asking("a", head="limits: {max_steps: 9}\n"))).status == "succeeded"
        assert purses == [None]
        await node.kernel.shutdown()

    run(main())


def test_max_seconds_interrupts_the_run_at_once_and_its_last_steps_still_run() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"a": asyncio.Event()}
        text = echoes("a: 1; on_error: continue", head="limits: {max_seconds: 7}\n")
        await node.submit(text + "finally: [{name: last, type: test_echo, value: '{{ workflow.error.limit }}'}]\n")
        await until(lambda: node.hands.active == 1)
        clock.advance(7)
        outcome = await node.outcome()
        assert limit_of(outcome) == ("limit_reached", "max_seconds", 7.0)
        assert outcome.results["last"] == "max_seconds"
        await node.kernel.shutdown()

    run(main())


def test_max_seconds_of_a_nested_pipeline_interrupts_only_that() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        node.hands.gates = {"inner/a": asyncio.Event()}
        await node.submit(NESTED.format(head="", keys="on_error: continue", inner="limits: {max_seconds: 7}"))
        await until(lambda: node.hands.active == 1)
        await settle()
        clock.advance(7)
        outcome = await node.outcome()
        assert outcome.status == "succeeded"
        assert cast("Any", outcome.results["inner"])["error"]["limit"] == "max_seconds"
        await node.kernel.shutdown()

    run(main())


@pytest.mark.parametrize("inner", ["", "limits: {max_seconds: 7}"])
def test_max_seconds_is_counted_from_the_beginning_over_a_restart(inner: str) -> None:
    text = NESTED.format(head="" if inner else "limits: {max_seconds: 7}", keys="", inner=inner)

    async def main() -> None:
        store, clock = MemoryStore(), ManualClock()
        first = await small_node(store=store, clock=clock)
        first.hands.gates = {"inner/a": asyncio.Event()}
        await first.submit(text)
        await until(lambda: first.hands.active == 1)
        first.top.kill()
        await first.kernel.shutdown()
        later = ManualClock(wall_s=clock.wall() + 5)
        second = await small_node(store=store, clock=later)
        second.hands.gates = {"inner/a": asyncio.Event()}
        await until(lambda: second.hands.active == 1)
        await settle()
        later.advance(1.9)
        await settle()
        assert second.hands.active == 1
        later.advance(0.1)
        assert limit_of(await second.outcome())[1] == "max_seconds"
        await second.kernel.shutdown()

    run(main())


def test_memory_that_a_nested_pipeline_takes_is_compared_with_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import actors.steps.pipeline as module

    async def main() -> None:
        sizes = [100.0, 100.0 + 3 * 1_048_576, 100.0, 200.0]
        monkeypatch.setattr(module, "resident_bytes", lambda: sizes.pop(0))
        node = await small_node()
        text = NESTED.format(head="", keys="config: {memory_limit_mb: 2}", inner="")
        outcome = await node.run(text)
        assert limit_of(outcome)[1] == "memory_limit_mb"
        assert "Memory limit exceeded: 3.0 MB > 2 MB" in str(outcome.error)
        assert (await node.run(text, run_id="r2")).status == "succeeded"
        await node.kernel.shutdown()

    run(main())
