"""What a run says it has spent: the tokens and money of every step, wherever it is and however often resumed."""

from __future__ import annotations

import asyncio
from typing import Any

from actors.runs import pipeline_name
from actors.steps import StepContext
from tests.actors_for_tests import until
from tests.runs_for_tests import small_node
from tests.support import run

PIPELINE = """
name: p
steps:
  - name: each
    type: for_loop
    iterator: x
    data_source: inputs.items
    steps:
      - {name: ask, type: claude, prompt: "{{loop.x}}"}
  - name: inner
    type: pipeline
    inputs: {n: 1}
    depends_on: [each]
    pipeline: {name: child, inputs: {n: {}}, steps: [{name: ask, type: claude, prompt: "{{inputs.n}}"}]}
  - {name: last, type: test_echo, value: done, depends_on: [inner]}
"""


async def paid(_context: StepContext) -> Any:
    usage = {"input_tokens": 10, "output_tokens": 3}
    return {"text": "x", "result": "x", "success": True, "usage": usage, "cost_usd": "0.10"}


def test_calls_in_loops_and_nested_pipelines_count() -> None:
    async def main() -> None:
        node = await small_node(executors={"claude": paid})
        outcome = await node.run(PIPELINE, inputs={"items": [1, 2]})
        assert outcome.usage == {"input_tokens": 30, "output_tokens": 9}
        assert outcome.cost_usd == "0.30"
        await node.kernel.shutdown()

    run(main())


def test_a_resumed_run_counts_every_call_once() -> None:
    async def main() -> None:
        node = await small_node(executors={"claude": paid})
        node.hands.gates = {"last": asyncio.Event()}
        await node.submit(PIPELINE, inputs={"items": [1, 2]})
        await until(lambda: node.hands.calls["last"] == 1)
        pipeline = node.kernel.registry.whereis(pipeline_name("r1"))
        assert pipeline is not None
        pipeline.kill()
        await until(lambda: "run_resumed" in node.kinds())
        node.hands.gates["last"].set()
        outcome = await node.outcome()
        assert (outcome.usage["input_tokens"], outcome.cost_usd) == (30, "0.30")
        await node.kernel.shutdown()

    run(main())
