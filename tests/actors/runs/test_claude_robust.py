"""`claude_robust` in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.kernel import ManualClock
from actors.providers import ProviderError, RefusedError, TransientError
from pipelines.language import InvalidPipelineError, load_pipeline, to_yaml
from tests.actors_for_tests import add, until
from tests.runs_for_tests import SmallNode, small_node
from tests.scripted_provider import NAME, ROUTES, ScriptedProvider
from tests.support import run

ASK = """
name: p
steps:
  - name: ask
    type: claude_robust
    on_error: fail
    prompt: What is it?
    retry_config: {max_retries: 2, base_delay_ms: 0, fallback_action: ACTION}
  - {name: after, type: test_echo, condition: "ask.degraded or ask.status != 'succeeded'", value: seen}
"""


def _busy(times: int = 9, retry_after_s: float | None = None) -> list[ProviderError]:
    return [TransientError("overloaded", NAME, "busy", retry_after_s) for _ in range(times)]


async def _node(provider: ScriptedProvider, **more: Any) -> SmallNode:
    node = await small_node(routes=ROUTES, **more)
    for spec in provider.children():
        await add(node.top, spec)
    return node


async def _run(provider: ScriptedProvider, action: str = "none", text: str = ASK, **more: Any) -> Any:
    node = await _node(provider)
    outcome = await node.run(text.replace("ACTION", action), **more)
    await node.kernel.shutdown()
    return outcome


def test_an_answer_says_that_it_is_not_degraded() -> None:
    outcome = run(_run(ScriptedProvider(failures={"*": _busy(1)})))
    ask = outcome.results["ask"]
    assert (ask["result"], ask["degraded"], ask["status"]) == ("answer to: What is it?", False, "succeeded")
    assert ask["robustness_metadata"]["attempt_number"] == 2
    assert ask["robustness_metadata"]["recovery_successful"] is True
    assert outcome.results["after"]["skipped"] is True


@pytest.mark.parametrize(
    ("action", "begins", "more"),
    [
        ("graceful_degradation", "[Degraded answer] The step 'ask' could not be answered (overloaded: busy).", {}),
        ("emergency_response", "[Emergency] The step 'ask'", {"emergency_mode": True, "requires_attention": True}),
    ],
)
def test_when_the_attempts_are_used_up_a_notice_stands_for_the_answer(
    action: str, begins: str, more: dict[str, Any]
) -> None:
    provider = ScriptedProvider(failures={"*": _busy()})
    outcome = run(_run(provider, action))
    ask = outcome.results["ask"]
    assert ask["text"].startswith(begins)
    assert (ask["success"], ask["degraded"], ask["status"], ask["fallback_type"]) == (True, True, "degraded", action)
    assert {key: ask[key] for key in more} == more
    assert (ask["original_error"]["code"], ask["original_error"]["attempts"]) == ("overloaded", 3)
    assert provider.asked["What is it?"] == 3
    assert outcome.results["after"] == "seen"


def test_with_a_schema_the_notice_has_no_data() -> None:
    text = ASK.replace("prompt:", "schema: {a: text}\n    prompt:")
    ask = run(_run(ScriptedProvider(failures={"*": _busy()}), "graceful_degradation", text)).results["ask"]
    assert (ask["result"], ask["degraded"]) == (None, True)


def test_simplified_prompt_makes_one_more_and_shorter_call() -> None:
    provider = ScriptedProvider(failures={"What is it?": _busy()})
    ask = run(_run(provider, "simplified_prompt")).results["ask"]
    assert ask["text"].startswith("answer to: What is it?\n\nAnswer briefly")
    assert (ask["degraded"], len(provider.requests), provider.requests[-1].temperature) == (True, 4, 0.3)
    assert provider.requests[-1].idempotency_key != provider.requests[0].idempotency_key


@pytest.mark.parametrize("action", ["none", "simplified_prompt", "use_cached_response"])
def test_where_nothing_can_stand_for_the_answer_the_step_fails(action: str, tmp_path: Path) -> None:
    outcome = run(_run(ScriptedProvider(failures={"*": _busy()}), action, workspace=str(tmp_path)))
    assert (outcome.status, outcome.error["code"]) == ("failed", "overloaded")


def test_a_cached_response_comes_from_an_earlier_run_in_the_workspace(tmp_path: Path) -> None:
    first = run(_run(ScriptedProvider(), "use_cached_response", workspace=str(tmp_path)))
    assert first.results["ask"]["degraded"] is False
    provider = ScriptedProvider(failures={"*": _busy()})
    second = run(_run(provider, "cached_response", workspace=str(tmp_path)))
    ask = second.results["ask"]
    assert (ask["result"], ask["degraded"]) == ("answer to: What is it?", True)
    assert "cached_at" in ask
    assert second.cost_usd is None  # what the answer once cost is not paid again
    other = ASK.replace("What is it?", "And this?")
    assert run(_run(ScriptedProvider(failures={"*": _busy()}), "cached_response", other, workspace=str(tmp_path))).error


def test_only_failures_that_the_conditions_name_are_tried_again() -> None:
    text = ASK.replace("max_retries", "retry_conditions: [timeout], max_retries")
    provider = ScriptedProvider(failures={"*": _busy()})
    ask = run(_run(provider, "graceful_degradation", text)).results["ask"]
    assert (provider.asked["What is it?"], ask["degraded"]) == (1, True)
    timely = ScriptedProvider(failures={"*": [TransientError("timeout", NAME, "too late")]})
    assert run(_run(timely, "graceful_degradation", text)).results["ask"]["degraded"] is False


def test_a_refusal_degrades_at_once() -> None:
    provider = ScriptedProvider(failures={"*": [RefusedError("too_long", NAME, "no")]})
    ask = run(_run(provider, "graceful_degradation")).results["ask"]
    assert (provider.asked["What is it?"], ask["original_error"]["code"]) == (1, "too_long")


def test_a_mistake_in_the_definition_is_not_papered_over() -> None:
    text = ASK.replace("What is it?", "'{{inputs.map.nothing}}'").replace("steps:", "inputs: {map: {}}\nsteps:", 1)
    outcome = run(_run(ScriptedProvider(), "graceful_degradation", text, inputs={"map": {}}))
    assert outcome.status == "failed"


def test_retries_wait_as_configured_and_as_the_provider_asks() -> None:
    text = ASK.replace("base_delay_ms: 0", "base_delay_ms: 1000, max_delay_ms: 1500, jitter: 0").replace(
        "ACTION", "none"
    )

    async def main() -> None:
        clock = ManualClock()
        provider = ScriptedProvider(failures={"*": [*_busy(1), *_busy(1, retry_after_s=7.0)]})
        node = await _node(provider, clock=clock)
        await node.submit(text)
        for calls, waits_s in ((1, 1.0), (2, 7.0)):
            await until(lambda n=calls: node.kinds("ask").count("step_retrying") == n)
            clock.advance(waits_s - 0.01)
            assert provider.asked["What is it?"] == calls
            clock.advance(0.01)
            await until(lambda n=calls: provider.asked["What is it?"] == n + 1)
        assert (await node.outcome()).status == "succeeded"
        await node.kernel.shutdown()

    run(main())


def test_the_retries_are_the_steps_own_and_survive_being_written() -> None:
    pipeline = load_pipeline(
        ASK.replace("ACTION", "cached_response").replace("base_delay_ms: 0", "backoff_strategy: linear")
    )
    retry = pipeline.steps[0].retry
    assert (retry.max_attempts, retry.base_delay_s, retry.backoff) == (3, 1.0, "linear")
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash
    bare = load_pipeline("name: p\nsteps: [{name: a, type: claude_robust, prompt: x}]").steps[0]
    assert bare.retry.max_attempts == 4


def test_an_unknown_backoff_is_named_when_the_file_is_read() -> None:
    with pytest.raises(InvalidPipelineError) as refused:
        load_pipeline(ASK.replace("base_delay_ms: 0", "backoff_strategy: weird").replace("ACTION", "none"))
    assert "backoff_strategy must be one of: linear, exponential, fixed" in str(refused.value)
