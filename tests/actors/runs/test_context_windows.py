"""What is counted before a call, and what happens to a question that is larger than its model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actors.journal import MemoryStore
from actors.providers import Answer, FunctionCall, Request, TransientError
from pipelines.context import Window, chunks, estimate_tokens
from tests.actors_for_tests import add, until
from tests.runs_for_tests import SmallNode, small_node
from tests.scripted_provider import NAME, ROUTES, ScriptedProvider
from tests.support import run

LONG = "".join(f"Sentence {number} of the report tells of one more thing. " for number in range(240))
CHUNKS = len(chunks(LONG, 1000))


def asking(
    context: str, kind: str = "claude", more: str = "", prompt: str = "'Judge this: {{ inputs.text }}. Thanks.'"
) -> str:
    return (
        "name: p\ninputs: {text: {type: string}}\nsteps:\n"
        f"  - name: a\n    type: {kind}\n    on_error: fail\n    retry: {{max_attempts: 3, base_delay_s: 0}}\n"
        f"    prompt: {prompt}\n    context: {context}\n{more}"
    )


async def _node(provider: ScriptedProvider, store: MemoryStore | None = None) -> SmallNode:
    node = await small_node(routes=ROUTES, store=store)
    for spec in provider.children():
        await add(node.top, spec)
    return node


def outcome_of(definition: str, provider: ScriptedProvider, **inputs: Any) -> Any:
    async def main() -> Any:
        node = await _node(provider)
        try:
            return await node.run(definition, inputs=inputs or {"text": LONG})
        finally:
            await node.kernel.shutdown()

    return run(main(), 20)


def facts_of(outcome: Any, step: str = "a") -> dict[str, Any]:
    assert outcome.status == "succeeded", outcome.error
    return outcome.results[step]["metadata"]["context"]


def test_every_answer_says_how_large_its_question_was_and_how_that_is_known() -> None:
    provider = ScriptedProvider(window=Window("m", 1_000_000))
    facts = facts_of(outcome_of(asking("{}"), provider))
    assert facts["counted_by"] == "estimate"
    assert facts["bounds"][0] < facts["input_tokens"] < facts["bounds"][1]
    assert (facts["window"], facts["limit"]) == (1_000_000, 1_000_000)
    assert not provider.counted


def test_a_model_that_is_not_known_is_counted_and_nothing_else() -> None:
    facts = facts_of(outcome_of(asking("{}"), ScriptedProvider()))
    assert facts["window"] is None
    assert facts["input_tokens"] > 1000


def test_what_is_certainly_too_large_fails_before_anything_is_asked_and_once() -> None:
    provider = ScriptedProvider(window=Window("tiny", 500))
    outcome = outcome_of(asking("{on_overflow: fail}"), provider)
    assert (outcome.status, outcome.error["code"], outcome.error["attempts"]) == ("failed", "context_overflow", 1)
    assert not provider.requests
    for told in ("'tiny' holds 500", "inputs.text", "by the estimate", "steps.x.result.field", "on_overflow: truncate"):
        assert told in outcome.error["message"]


def test_what_the_estimate_cannot_decide_is_counted_by_the_provider_which_is_right() -> None:
    size = estimate_tokens(LONG)
    for counted, status in ((size - 50, "succeeded"), (size + 500, "failed")):
        provider = ScriptedProvider(window=Window("m", size), counter=lambda _, counted=counted: counted)
        outcome = outcome_of(asking("{}"), provider)
        assert outcome.status == status, outcome.error
        assert len(provider.counted) == 1


def test_an_estimate_never_refuses_what_may_fit_when_the_counter_is_down() -> None:
    def fails(_: Request) -> int:
        raise TransientError("overloaded", NAME, "busy")

    provider = ScriptedProvider(window=Window("m", estimate_tokens(LONG) - 100), counter=fails)
    facts = facts_of(outcome_of(asking("{on_overflow: fail}"), provider))
    assert facts["counter_failed"] == "overloaded: busy"
    assert facts["counted_by"] == "estimate"


def test_the_provider_counts_when_the_step_wants_it() -> None:
    provider = ScriptedProvider(counter=lambda _: 77)
    facts = facts_of(outcome_of(asking("{count: provider}"), provider))
    assert (facts["input_tokens"], facts["counted_by"]) == (77, "provider")
    assert "bounds" not in facts


def test_what_is_too_large_is_cut_where_it_refers_to_data_and_not_where_the_author_wrote() -> None:
    provider = ScriptedProvider()
    facts = facts_of(outcome_of(asking("{on_overflow: truncate, max_input_tokens: 300}"), provider))
    (request,) = provider.requests
    assert request.prompt.startswith("Judge this: Sentence 0")
    assert request.prompt.endswith("tokens left out ...]. Thanks.")
    assert facts["input_tokens"] <= 300 < facts["tokens_before"]
    (cut,) = facts["shortened"]
    assert (cut["part"], cut["how"]) == ("prompt (inputs.text)", "cut")
    assert cut["kept"] < cut["tokens"]


def test_the_end_is_kept_where_that_is_wanted() -> None:
    provider = ScriptedProvider()
    outcome_of(asking("{on_overflow: truncate, max_input_tokens: 300, keep: end}"), provider, text=LONG + "LAST")
    assert provider.requests[0].prompt.endswith("LAST. Thanks.")


def test_what_was_cut_is_cut_again_until_the_provider_counts_little_enough() -> None:
    provider = ScriptedProvider(window=Window("m", 2000), counter=lambda request: len(request.prompt))
    facts = facts_of(outcome_of(asking("{on_overflow: truncate, count: provider}"), provider))
    assert facts["counted_by"] == "provider"
    assert 1000 < facts["input_tokens"] <= 2000
    assert len(provider.requests[0].prompt) <= 2000


def test_when_not_even_the_marks_fit_the_step_fails() -> None:
    parts = ", ".join(f"{{type: static, content: 'Part {index} {LONG}'}}" for index in range(12))
    outcome = outcome_of(
        asking("{on_overflow: truncate, max_input_tokens: 64}", prompt=f"[{parts}]"), ScriptedProvider()
    )
    assert outcome.error["code"] == "context_overflow"


def test_a_part_is_never_larger_than_its_own_limit_whether_there_is_room_or_not() -> None:
    provider = ScriptedProvider()
    prompt = "[{type: static, content: Judge}, {type: static, content: '{{ inputs.text }}', max_tokens: 50}]"
    facts = facts_of(outcome_of(asking("{}", prompt=prompt), provider))
    assert estimate_tokens(provider.requests[0].prompt) <= 55
    assert [each["part"] for each in facts["shortened"]] == ["prompt[1]"]


SUMMED = "{on_overflow: summarise, max_input_tokens: 900, summarise_with: {prompt: SUM, chunk_tokens: 1000}}"


class Summing(ScriptedProvider):
    """Answers a summary with its first words."""

    async def complete(self, request: Request) -> Answer:
        answer = await super().complete(request)
        return replace(answer, text=request.prompt[5:105]) if request.prompt.startswith("SUM") else answer


def test_what_is_too_large_is_summed_up_by_chunks_and_its_cost_is_the_steps() -> None:
    provider = Summing()
    outcome = outcome_of(asking(SUMMED), provider)
    facts = facts_of(outcome)
    summaries = [each for each in provider.requests if each.prompt.startswith("SUM")]
    assert len(summaries) == CHUNKS > 2
    assert all(estimate_tokens(each.prompt) <= 1010 for each in summaries)
    assert facts["shortened"][0]["how"] == "summarised"
    assert facts["input_tokens"] <= 900
    assert (outcome.cost_usd, outcome.usage["input_tokens"]) == (f"0.{CHUNKS + 1}0", 10 * (CHUNKS + 1))
    assert provider.requests[-1].prompt.startswith("Judge this: Sentence 0")
    assert len({each.idempotency_key for each in provider.requests}) == CHUNKS + 1


def test_a_summary_that_two_questions_of_a_step_need_is_paid_for_once() -> None:
    class Stubborn(Summing):
        async def complete(self, request: Request) -> Answer:
            answer = await super().complete(request)
            told = "did not conform" in request.prompt
            return replace(answer, text='{"a": "x"}', data={"a": "x"}) if told else answer

    provider = Stubborn()
    outcome = outcome_of(asking(SUMMED, "claude_extract", "    schema: {a: text}\n"), provider)
    assert outcome.status == "succeeded", outcome.error
    assert len([each for each in provider.requests if each.prompt.startswith("SUM")]) == CHUNKS
    assert len(provider.requests) == CHUNKS + 2
    assert outcome.usage["input_tokens"] == 10 * (CHUNKS + 2)


def test_a_retry_and_a_restart_pay_for_no_summary_twice() -> None:
    async def main() -> None:
        provider, store = Summing(), MemoryStore()
        provider.failures = {"*": []}
        first = await _node(provider, store)
        asked: list[Request] = []

        async def dies(request: Request) -> Answer:
            asked.append(request)
            if not request.prompt.startswith("SUM"):
                if len([each for each in asked if not each.prompt.startswith("SUM")]) == 1:
                    raise TransientError("overloaded", NAME, "busy")
                await first.kernel.ref("runs").wait_exit()
            return await Summing.complete(provider, request)

        provider.complete = dies  # type: ignore[method-assign]
        await first.submit(asking(SUMMED), inputs={"text": LONG})
        await until(lambda: len(asked) == CHUNKS + 2)
        await first.kernel.shutdown()
        assert len([each for each in asked if each.prompt.startswith("SUM")]) == CHUNKS

        again = Summing()
        second = await _node(again, store)
        outcome = await second.outcome()
        assert outcome.status == "succeeded", outcome.error
        assert [each.prompt[:5] for each in again.requests] == ["Judge"]
        assert (outcome.cost_usd, outcome.usage["input_tokens"]) == (f"0.{CHUNKS + 1}0", 10 * (CHUNKS + 1))
        await second.kernel.shutdown()

    run(main(), 20)


def test_a_default_of_the_pipeline_holds_for_every_step_that_does_not_say() -> None:
    text = (
        "name: p\ndefaults: {context: {on_overflow: truncate, max_input_tokens: 200}}\ninputs: {text: {type: string}}\n"
        "steps:\n  - {name: a, type: gemini, prompt: 'x {{ inputs.text }}'}\n"
        "  - {name: b, type: claude, prompt: 'y {{ inputs.text }}', context: {max_input_tokens: 400}}\n"
    )
    outcome = outcome_of(text, ScriptedProvider())
    assert facts_of(outcome)["limit"] == 200
    assert 200 < facts_of(outcome, "b")["input_tokens"] <= 400


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("claude", ""), ("claude_smart", ""), ("claude_extract", ""), ("claude_robust", ""), ("gemini", ""),
        ("claude_extract", "    schema: {a: text}\n"), ("gemini_instructor", "    schema: {a: text}\n"),
    ],
)  # fmt: skip
def test_every_type_that_asks_holds_to_its_limit(kind: str, more: str) -> None:
    provider = ScriptedProvider()
    outcome_of(asking("{on_overflow: truncate, max_input_tokens: 500}", kind, more), provider)
    assert provider.requests
    assert all(estimate_tokens(each.prompt) <= 500 for each in provider.requests)


def test_parallel_tasks_and_batch_tasks_hold_to_the_limit_of_their_step() -> None:
    text = (
        "name: p\ninputs: {text: {type: string}}\nsteps:\n"
        "  - name: side\n    type: parallel_claude\n    context: &c {on_overflow: truncate, max_input_tokens: 300}\n"
        "    parallel_tasks: [{id: one, prompt: 'x {{ inputs.text }}'}, {id: two, prompt: short}]\n"
        "  - name: many\n    type: claude_batch\n    context: *c\n"
        "    tasks: [{id: one, prompt: [{type: static, content: 'y {{ inputs.text }}'}]}, {id: two, prompt: small}]\n"
    )
    provider = ScriptedProvider()
    outcome = outcome_of(text, provider)
    assert outcome.status == "succeeded", outcome.error
    side = outcome.results["side"]["individual_results"]
    assert side["one"]["metadata"]["context"]["shortened"][0]["part"] == "prompt (inputs.text)"
    assert "shortened" not in side["two"]["metadata"]["context"]
    assert all(estimate_tokens(each.prompt) <= 300 for each in provider.requests)


def test_what_functions_gave_is_cut_before_the_prompt_is() -> None:
    class Calling(ScriptedProvider):
        async def complete(self, request: Request) -> Answer:
            answer = await super().complete(request)
            return answer if request.follow_up else replace(answer, calls=(FunctionCall("look", {}, "1"),))

    text = (
        "name: p\ninputs: {text: {type: string}}\ngemini_functions: {look: {returns: '{{ inputs.text }}'}}\n"
        "steps:\n  - {name: a, type: gemini, prompt: Look., functions: [look],\n"
        "     context: {on_overflow: truncate, max_input_tokens: 700}}\n"
    )
    provider = Calling()
    facts = facts_of(outcome_of(text, provider))
    assert [each["part"] for each in facts["shortened"]] == ["result of look"]
    (result,) = provider.requests[1].follow_up[1].results
    assert "tokens left out" in str(result.output)
    assert provider.requests[1].prompt == "Look."
