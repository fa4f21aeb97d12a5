"""`parallel_claude` in a run that is cut off: answers that were there stay."""

from __future__ import annotations

import asyncio

from actors.journal import MemoryStore
from actors.runs import step_name
from tests.actors_for_tests import add, until
from tests.runs_for_tests import SmallNode, small_node
from tests.scripted_provider import ROUTES, ScriptedProvider
from tests.support import run

TASKS = """
name: p
steps:
  - name: many
    type: parallel_claude
    on_error: retry
    max_parallel: 3
    parallel_tasks: [{id: one, prompt: a}, {id: two, prompt: b}, {id: three, prompt: c}]
  - {name: after, type: test_echo, value: "{{steps.many.success}}"}
"""


async def _node(provider: ScriptedProvider, store: MemoryStore | None = None) -> SmallNode:
    node = await small_node(routes=ROUTES, store=store)
    for spec in provider.children():
        await add(node.top, spec)
    return node


def test_a_killed_parallel_step_repeats_no_answered_task() -> None:
    async def main() -> None:
        provider = ScriptedProvider(gates={"c": asyncio.Event()})
        first = await _node(provider)
        await first.submit(TASKS)
        await until(lambda: len(provider.asked) == 3 and provider.active == 1)
        while sum("@task." in key for key in (await first.record()).steps) < 2:
            await asyncio.sleep(0)  # the loop ends with the test's deadline at the latest
        ref = first.kernel.registry.whereis(step_name("r1", "many"))
        assert ref is not None
        ref.kill()
        await until(lambda: provider.asked["c"] == 2)
        await first.kernel.shutdown()
        provider.gates["c"].set()
        second = await _node(provider, first.store)
        outcome = await second.outcome()
        assert outcome.results["after"] is True
        assert provider.asked == {"a": 1, "b": 1, "c": 3}
        assert (outcome.usage["input_tokens"], outcome.cost_usd) == (30, "0.30")
        await second.kernel.shutdown()

    run(main())
