"""Steps that deploy: nothing is deployed yet, and nothing may look as if it were."""

from __future__ import annotations

from typing import Any

import pytest

from actors.kernel import Actor
from actors.runs import RunOutcome
from tests.runs_for_tests import SmallNode, small_node
from tests.support import run

PIPELINE = """
name: promote
steps:
  - {{name: score, type: test_echo, value: 7}}
  - {{name: put, type: {kind}, condition: score > {least}, pipeline: "{{{{ score }}}}"{more}}}
  - {{name: after, type: test_echo, value: done, depends_on: [put]}}
outputs:
  deployed: "{{{{ steps.put.deployed | default(false) }}}}"
"""
both = pytest.mark.parametrize("kind", ["conditional_deploy", "pipeline_deployer"])


class Eager(Actor):
    """A fallback that would find another way for anything."""

    def __init__(self, asked: list[Any]) -> None:
        super().__init__()
        self.asked = asked

    def on_receive(self, message: Any) -> Any:
        self.asked.append(message)
        return None


def carried_out(text: str) -> tuple[RunOutcome, SmallNode, list[Any]]:
    asked: list[Any] = []

    async def main() -> tuple[RunOutcome, SmallNode]:
        node = await small_node()
        try:
            await node.kernel.spawn(Eager, asked, name="fallback")
            return await node.run(text), node
        finally:
            await node.kernel.shutdown()

    outcome, node = run(main())
    return outcome, node, asked


@both
def test_a_deployment_fails_once_with_a_stable_code_and_no_fallback_stands_in_for_it(kind: str) -> None:
    outcome, node, asked = carried_out(PIPELINE.format(kind=kind, least=5, more=""))
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.error["attempts"], outcome.error["step"]) == ("not_available", 1, "put")
    assert "deployment comes with the evolution work. Nothing was deployed" in str(outcome.error["message"])
    assert asked == []
    assert "step_retrying" not in node.kinds("put")
    assert "after" not in outcome.results


@both
def test_with_on_error_continue_the_run_goes_on_and_says_that_nothing_was_deployed(kind: str) -> None:
    outcome, _, _ = carried_out(PIPELINE.format(kind=kind, least=5, more=", on_error: continue"))
    assert (outcome.status, outcome.outputs) == ("succeeded", {"deployed": False})
    assert outcome.results["after"] == "done"
    put: Any = outcome.results["put"]
    assert (put["success"], put["error"]["code"]) == (False, "not_available")


@both
def test_a_deployment_whose_condition_does_not_hold_is_skipped_like_any_step(kind: str) -> None:
    outcome, _, _ = carried_out(PIPELINE.format(kind=kind, least=9, more=""))
    assert (outcome.status, outcome.outputs) == ("succeeded", {"deployed": False})
    put: Any = outcome.results["put"]
    assert put["skipped"] is True
