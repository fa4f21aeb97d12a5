"""A request in words becomes a pipeline from a template, whatever the words are."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pipelines
from actors.providers import ProviderOptions, provider_children
from pipelines.formatting import format_text, migrate
from pipelines.genesis import (
    LONGEST_REQUEST,
    Draft,
    Kind,
    RequestTooLongError,
    draft,
    name_of,
    read_request,
    traits_of,
)
from pipelines.language import check_document, load_pipeline, read_yaml, resolve_inputs
from pipelines.tooling import Models, warnings_for
from tests.actors_for_tests import add
from tests.runs_for_tests import small_node
from tests.support import run

TEMPLATES = Path(pipelines.__file__).parent / "templates"
SENTENCES = {
    Kind.ANALYSIS: "Create an analysis of our support letters",
    Kind.GENERATION: "Build a newsletter",
    Kind.PROCESSING: "Convert CSV",
    Kind.EXTRACTION: "Parse the addresses of these letters",
    Kind.SUMMARIZATION: "A brief of the meeting",
    Kind.GENERAL: "Hello",
}
any_request = st.text(max_size=300) | st.text(st.characters(), max_size=50)


def drafted(request: str) -> Draft:
    kind = read_request(request).kind
    return draft(request, (TEMPLATES / f"{kind}.yaml").read_text(encoding="utf-8"))


def no_models() -> Models:
    raise AssertionError("no template names a model")


@pytest.mark.parametrize(("kind", "request_"), SENTENCES.items())
def test_the_first_kind_with_a_keyword_in_the_request_wins(kind: Kind, request_: str) -> None:
    reading = read_request(request_)
    assert reading.kind is kind
    assert (reading.keyword is None) == (kind is Kind.GENERAL)
    assert reading.keyword is None or reading.keyword in request_.lower()


def test_every_kind_has_a_template_and_every_template_a_kind() -> None:
    assert {file.stem for file in TEMPLATES.glob("*.yaml")} == {str(kind) for kind in Kind}


@pytest.mark.parametrize("kind", Kind)
def test_a_template_is_a_canonical_pipeline_of_three_steps_that_is_given_the_request(kind: Kind) -> None:
    raw = (TEMPLATES / f"{kind}.yaml").read_bytes()
    pipeline = load_pipeline(raw)
    assert len(pipeline.steps) == 3
    assert pipeline.required_inputs == ("request",)
    assert pipeline.description
    assert pipeline.outputs
    assert format_text(raw).encode() == raw
    assert migrate(raw, "t").changes == ()


def test_the_name_is_the_first_three_words_and_the_traits_follow_the_words() -> None:
    assert name_of("Convert the CSV, fast!") == "convert_the_csv"
    assert name_of("Ünïcode & more") == "ncode_more"
    assert name_of("?!") == name_of("") == "generated_pipeline"
    assert len(name_of("x" * 5_000)) == 200
    assert traits_of("a quick and precise thing") == ("mock_generated", "speed_optimized", "accuracy_optimized")


@settings(deadline=None, max_examples=150, print_blob=True)
@given(any_request)
@example("{{ 1/0 }} {% for %}")
@example("a: b # c\n---\n- 'x\"\\")
@example("\x00\x85\u2028\ufeff\ud800 end")
@example("on")
@example("123")
@example("\t\n  \n x")
def test_a_draft_of_any_text_is_valid_canonical_and_holds_the_text(request: str) -> None:
    made = drafted(request)
    pipeline = made.pipeline
    assert pipeline.required_inputs == ()
    assert pipeline.name == name_of(request)
    asked = cast(str, resolve_inputs(pipeline, {})["request"])
    if request.isprintable():
        assert asked == request.strip()
    document = read_yaml(made.text, "draft.yaml")
    assert warnings_for(check_document(document), document, no_models, date(2026, 1, 1)) == []
    assert format_text(made.text) == made.text
    assert migrate(made.text, "draft").changes == ()
    assert made.text.startswith("# A fixed template")
    facts = cast("dict[str, Any]", pipeline.metadata)
    assert (facts["template"], facts["language_model"]) == (str(made.reading.kind), False)


@settings(deadline=None, max_examples=12, print_blob=True)
@given(any_request, st.sampled_from(list(SENTENCES.values())))
def test_a_draft_of_any_text_runs_to_its_end_offline(text: str, sentence: str) -> None:
    made = drafted(f"{sentence}: {text}")

    async def main() -> None:
        node = await small_node(routes={"claude": "offline", "gemini": "offline"})
        try:
            for spec in provider_children("offline", ProviderOptions(), 2):
                await add(node.top, spec)
            with tempfile.TemporaryDirectory() as workspace:
                outcome = await node.run(made.text, workspace=workspace)
            assert outcome.status == "succeeded", outcome.error
            assert outcome.outputs.get("degraded", False) is False
            assert [name for name, value in outcome.outputs.items() if value in ("", None)] == []
        finally:
            await node.kernel.shutdown()

    run(main(), timeout_s=30)


def test_a_request_that_is_too_long_is_refused_with_both_numbers() -> None:
    assert drafted("x" * LONGEST_REQUEST).pipeline.steps
    with pytest.raises(RequestTooLongError, match="10,001 characters; at most 10,000"):
        drafted("x" * (LONGEST_REQUEST + 1))
