"""`gemini` and `gemini_instructor` with functions and schemas: over HTTP, and offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from actors.providers import ProviderOptions, provider_children
from actors.runs import RunOutcome
from pipelines.language import InvalidPipelineError, load_pipeline
from supervisors import Supervisor
from tests.runs_for_tests import small_node
from tests.support import run
from tests.wire import Answered, Behaviour, Failed, WireServer

FUNCTIONS = """
name: shop
gemini_functions:
  level:
    description: How many of an article are there.
    parameters: {article: string}
    returns: "{{ steps.stock[arguments.article] }}"
  note:
    description: Reads a note of the workspace.
    parameters: {path: string}
    step: {type: file_ops, operation: read, path: "{{ arguments.path }}"}
  rate:
    description: The rating.
    parameters: {type: object, properties: {score: {type: integer, minimum: 1}}, required: [score]}
steps:
  - {name: stock, type: test_echo, value: {lamp: 4}}
"""


def ask(text: str, *queue: Behaviour, provider: str = "gemini", workspace: str = "/nonexistent") -> Any:
    """(outcome, the bodies of the calls that reached the vendor)."""

    async def main() -> Any:
        async with WireServer(queue=queue) as server:
            node = await small_node(routes={"gemini": provider, "claude": provider})
            options = ProviderOptions(api_key=SecretStr("test-key"), base_url=server.url)
            await node.kernel.spawn(Supervisor, provider_children(provider, options, 1), name="vendor")
            outcome = await node.run(text, workspace=workspace)
            await node.kernel.shutdown()
            return outcome, [call.body for call in server.calls]

    return run(main(), 30)


def step(kind: str = "gemini", more: str = "", functions: str = "[level]") -> str:
    line = "{name: ask, type: %s, prompt: How many lamps?, functions: %s, on_error: fail, %s retry: 1}"
    return FUNCTIONS + "  - " + line % (kind, functions, more)


def result(outcome: RunOutcome) -> dict[str, Any]:
    assert outcome.status == "succeeded", outcome.error
    found: Any = outcome.results["ask"]
    return found


def calls(*named: tuple[str, dict[str, Any]]) -> Answered:
    return Answered(calls=named)


@pytest.mark.parametrize("kind", ["gemini", "gemini_instructor"])
@pytest.mark.parametrize("provider", ["gemini", "anthropic"])
def test_a_call_is_answered_from_the_results_of_the_pipeline_and_the_model_goes_on(kind: str, provider: str) -> None:
    queue = (calls(("level", {"article": "lamp"})), Answered("Four lamps."))
    outcome, bodies = ask(step(kind), *queue, provider=provider)
    made = result(outcome)
    assert made["result"] == made["text"] == "Four lamps."
    assert made["function_calls"] == [{"name": "level", "arguments": {"article": "lamp"}, "output": {"result": 4}}]
    assert made["rounds"] == 1
    assert len(bodies) == 2
    assert made["usage"]["output_tokens"] > 0
    if provider == "gemini":
        assert bodies[0]["tools"][0]["functionDeclarations"][0]["name"] == "level"
        given = bodies[1]["contents"][2]["parts"][0]["functionResponse"]
        assert given["response"] == {"result": 4}


def test_several_calls_of_one_round_are_all_answered() -> None:
    both = calls(("level", {"article": "lamp"}), ("level", {"article": "boat"}))
    made = result(ask(step(), both, Answered("Done."))[0])
    assert made["function_calls"][0]["output"] == {"result": 4}
    assert "boat" in made["function_calls"][1]["error"]


def test_a_step_answers_a_call_inside_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("tea at four", encoding="utf-8")
    queue = (calls(("note", {"path": "a.txt"}), ("note", {"path": "../b.txt"})), Answered("Tea."))
    made = result(ask(step(functions="[note]"), *queue, workspace=str(tmp_path))[0])
    inside, outside = made["function_calls"]
    assert inside["output"]["content"] == "tea at four"
    assert "climbs out" in outside["error"]


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("level", '{"item": 1}', "the arguments do not fit"),
        ("sell", '{"article": "lamp"}', "there is no function 'sell'"),
        ("rate", '{"score": 0}', "the arguments do not fit"),
    ],
)
def test_the_model_is_told_what_is_wrong_with_a_call(name: str, given: str, told: str) -> None:
    queue = (calls((name, json.loads(given))), Answered("Sorry."))
    outcome, bodies = ask(step(functions="[level, rate]"), *queue)
    assert result(outcome)["text"] == "Sorry."
    assert told in bodies[1]["contents"][2]["parts"][0]["functionResponse"]["response"]["error"]


def test_a_call_of_a_function_without_a_body_is_the_result() -> None:
    outcome, bodies = ask(step(functions="[rate]"), calls(("rate", {"score": 7})))
    assert result(outcome)["result"] == {"score": 7}
    assert len(bodies) == 1


def test_a_model_that_calls_for_ever_is_stopped() -> None:
    queue = [calls(("level", {"article": "lamp"}))] * 3
    outcome, bodies = ask(step(more="max_rounds: 2,"), *queue)
    assert outcome.error["code"] == "function_rounds"
    assert len(bodies) == 3


def test_a_retry_goes_on_after_the_last_round_that_was_answered() -> None:
    text = step().replace("retry: 1", "retry: {max_attempts: 2, base_delay_s: 0}")
    outcome, bodies = ask(text, calls(("level", {"article": "lamp"})), Failed(500), Answered("Four."))
    assert result(outcome)["text"] == "Four."
    assert [len(body["contents"]) for body in bodies] == [1, 3, 3]


def test_with_functions_and_a_schema_the_answer_is_put_into_shape_at_the_end() -> None:
    text = step("gemini_instructor", more="schema: {count: integer},")
    queue = (calls(("level", {"article": "lamp"})), Answered("Four."), Answered('{"count": 4}'))
    outcome, bodies = ask(text, *queue)
    assert result(outcome)["result"] == {"count": 4}
    assert result(outcome)["rounds"] == 1
    assert "tools" not in bodies[2]
    assert "level: {'result': 4}" in bodies[2]["contents"][0]["parts"][0]["text"]


def test_without_schema_and_functions_the_instructor_answers_in_its_own_shape() -> None:
    answer = Answered('{"text": "Four.", "summary": "4"}')
    outcome, bodies = ask(step("gemini_instructor", functions="[]"), answer)
    assert result(outcome)["result"] == {"text": "Four.", "summary": "4"}
    assert result(outcome)["text"] == "Four."
    config = bodies[0]["generationConfig"]
    assert (config["maxOutputTokens"], config["temperature"]) == (2048, 0.7)


def test_the_whole_token_budget_reaches_the_model() -> None:
    budget = "token_budget: {max_output_tokens: 64, temperature: 0.5, top_p: 0.9, top_k: 40},"
    _, bodies = ask(step("gemini", more=budget, functions="[]"), Answered("4"))
    config = bodies[0]["generationConfig"]
    sent = (config["maxOutputTokens"], config["temperature"], config["topP"], config["topK"])
    assert sent == (64, 0.5, 0.9, 40)


def test_an_answer_that_misses_the_shape_is_asked_for_again_with_what_is_wrong() -> None:
    text = step("gemini_instructor", more="schema: {count: integer},", functions="[]")
    outcome, bodies = ask(text, Answered('{"count": "four"}'), Answered('{"count": 4}'))
    assert result(outcome)["result"] == {"count": 4}
    assert "did not conform" in bodies[1]["contents"][0]["parts"][0]["text"]


def test_offline_calls_what_the_prompt_names_and_says_that_it_is_no_language_model() -> None:
    text = step("gemini_instructor", functions="[level, rate]").replace(
        "How many lamps?", "'Ask level.\\n\\narticle: lamp'"
    )
    made = result(ask(text.replace("'Ask", '"Ask').replace("lamp'", 'lamp"'), provider="offline")[0])
    assert made["function_calls"] == [{"name": "level", "arguments": {"article": "lamp"}, "output": {"result": 4}}]
    assert made["metadata"]["language_model"] is False


def refused(text: str) -> str:
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipeline(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[level]", "[levle]", "references undefined function: levle. Fix: write 'level'"),
        ("[level]", "[level, level]", "the function 'level' is there twice"),
        ("steps.stock[", "steps.stok[", "there is no step 'stok'"),
        ("[level]", "[{name: f, step: {type: file_ops, operation: read, path: ../x}}]", "leaves the workspace"),
        ("    returns:", "    step: {type: test_echo}\n    returns:", "not by both"),
        ("[level]", "[{name: f, step: {type: pipeline, pipeline_file: a}}]", "cannot answer"),
    ],
)
def test_a_wrong_function_is_found_when_the_file_is_read(old: str, new: str, told: str) -> None:
    assert told in refused(step().replace(old, new))


def test_functions_may_stand_in_the_step_itself_as_the_documents_write_them() -> None:
    text = """
name: health
steps:
  - name: check
    type: gemini_instructor
    prompt: Perform a health check
    functions:
      - {name: check_component_health, description: Verify all components}
      - {name: aggregate, parameters: {metrics_types: ["latency", "error_rate"]}}
"""
    assert [each.name for each in load_pipeline(text).steps[0].functions] == ["check_component_health", "aggregate"]  # pyright: ignore
