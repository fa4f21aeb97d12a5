"""The offline provider: deterministic rules that never pass for a language model."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from actors.providers import PROVIDERS, Answer, ProviderOptions, RefusedError, Request
from actors.providers import offline_text as rules
from actors.providers.offline_json import fill
from actors.providers.offline_task import split_prompt, write
from tests.support import run

REPORT = """# Harbour report

Author: Anna Berg
Date: 2026-03-04
Urgent: yes
Score: 7

The northern crane stood still for three days. Cargo from Rotterdam waited on the quay while the crane was repaired.
Anna Berg ordered the spare bearing from Kappel Marine for $4,200. The bearing arrived on 2026-03-02.
Everybody had coffee. The crane works again, and the delayed cargo left the quay on 3 March 2026.
Questions go to anna.berg@harbour.example or https://harbour.example/crane.
"""

Schema = dict[str, Any]


def answered(request: Request) -> Answer:
    return run(PROVIDERS["offline"].make(ProviderOptions()).complete(request))


def test_every_answer_says_that_it_is_not_a_language_model() -> None:
    answer = answered(Request("Plan a week in Lisbon."))
    assert answer.metadata["language_model"] is False
    assert "not by a language model" in answer.metadata["notice"]
    assert answer.cost_usd == 0


def test_the_same_request_gives_the_same_answer() -> None:
    request = Request(f"Summarize:\n\n{REPORT}")
    assert answered(request) == answered(request)


def test_a_summary_is_made_of_the_texts_own_sentences() -> None:
    answer = answered(Request(f"Summarize this report in two sentences:\n\n{REPORT}"))
    assert "crane" in answer.text
    assert "coffee" not in answer.text
    assert len(rules.sentences(answer.text)) == 2
    assert all(sentence in rules.sentences(REPORT) for sentence in rules.sentences(answer.text))


def test_keywords_are_the_commonest_content_words() -> None:
    answer = answered(Request(f"List 3 keywords of this text:\n\n{REPORT}"))
    assert answer.text.split(", ")[0] == "crane"
    assert len(answer.text.split(", ")) == 3


def test_entities_are_listed_by_kind() -> None:
    text = answered(Request(f"Which entities are named?\n\n{REPORT}")).text
    for found in ("Anna Berg", "Kappel Marine", "Rotterdam", "2026-03-04", "$4,200", "anna.berg@harbour.example"):
        assert found in text
    assert "Everybody" not in rules.entities("Everybody came. Then everybody left.").names


def test_a_template_is_filled_from_labelled_lines() -> None:
    prompt = "Fill in the template:\n\nName: Anna Berg\nCity: Lisbon\n\nDear {name}, welcome to {{ city }}. {mood}"
    text = answered(Request(prompt)).text
    assert "Dear Anna Berg, welcome to Lisbon." in text
    assert "(mood: not given)" in text


def test_metadata_may_name_the_task() -> None:
    assert answered(Request(REPORT, metadata={"task": "keywords"})).metadata["rule"] == "keywords"


def test_labelled_values_fill_the_fields_of_their_name() -> None:
    schema = {
        "type": "object",
        "properties": {
            "author": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "score": {"type": "integer", "minimum": 1, "maximum": 10},
            "urgent": {"type": "boolean"},
            "keywords": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "title": {"type": "string", "maxLength": 40},
        },
        "required": ["author", "date", "score", "urgent", "keywords", "title"],
    }
    data = answered(Request(f"Extract the fields.\n\n{REPORT}", json_schema=schema)).data
    found = data.pop("keywords")
    assert data == {
        "author": "Anna Berg",
        "date": "2026-03-04",
        "score": 7,
        "urgent": True,
        "title": "Harbour report",
    }
    assert found[0] == "crane"
    assert len(found) == 3


def test_a_schema_that_the_rules_cannot_meet_is_refused_and_not_retried() -> None:
    schema = {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}}}
    with pytest.raises(RefusedError) as caught:
        answered(Request("x", json_schema=schema))
    assert caught.value.code == "cannot_conform"
    assert "$.code" in caught.value.message


def test_a_schema_that_must_contain_itself_is_refused() -> None:
    schema: Schema = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}},
    }
    assert isinstance(answered(Request("x", json_schema=schema)).data, dict)
    endless: Schema = {**schema, "$defs": {"a": {**schema["$defs"]["a"], "required": ["a"]}}}
    with pytest.raises(RefusedError):
        answered(Request("x", json_schema=endless))


def _bounded_text(bounds: tuple[int, int]) -> Schema:
    return {"type": "string", "minLength": bounds[0], "maxLength": sum(bounds)}


def _bounded_integer(bounds: tuple[int, int]) -> Schema:
    return {"type": "integer", "minimum": bounds[0], "maximum": sum(bounds)}


def _bounded_number(low: int) -> Schema:
    return {"type": "number", "exclusiveMinimum": low, "maximum": low + 1}


def _list_of(part: tuple[Schema, int]) -> Schema:
    return {"type": "array", "items": part[0], "minItems": part[1]}


def _object_of(parts: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": parts, "required": sorted(parts), "additionalProperties": False}


def _any_of(variants: list[Schema]) -> Schema:
    return {"anyOf": variants}


def _enum(values: list[str]) -> Schema:
    return {"enum": values}


def _const(value: str) -> Schema:
    return {"const": value}


def _larger(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    names = st.sampled_from(["summary", "keywords", "score", "author", "date", "count", "title", "x", "points"])
    return st.one_of(
        st.tuples(inner, st.integers(0, 4)).map(_list_of),
        st.dictionaries(names, inner, max_size=4).map(_object_of),
        st.lists(inner, min_size=1, max_size=3).map(_any_of),
    )


def _schemas() -> st.SearchStrategy[Schema]:
    few, low = st.integers(0, 30), st.integers(-50, 50)
    plain: list[Schema] = [{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}]
    formats: list[Schema] = [{"type": "string", "format": each} for each in ("date", "date-time", "email", "uri")]
    leaves = st.one_of(
        st.tuples(few, few).map(_bounded_text),
        st.tuples(low, few).map(_bounded_integer),
        low.map(_bounded_number),
        st.sampled_from(plain + formats),
        st.lists(st.text(max_size=5), min_size=1, unique=True).map(_enum),
        st.text(max_size=5).map(_const),
    )
    return st.recursive(leaves, _larger, max_leaves=8)


@settings(deadline=None, max_examples=200)
@given(_schemas(), st.one_of(st.text(max_size=200), st.just(REPORT)))
def test_any_schema_of_the_supported_keywords_is_met_by_any_text(schema: Schema, text: str) -> None:
    validator: Any = Draft202012Validator(schema)
    data = fill(schema, text)
    assert validator.is_valid(data), (schema, data)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_prompt_gets_an_answer_that_is_not_empty(prompt: str) -> None:
    text, _ = write(prompt, None, {})
    assert text
    assert all(isinstance(part, str) for part in split_prompt(prompt))


@pytest.mark.parametrize(
    "text",
    [
        "a." * 20_000,
        "A " * 20_000,
        " \n" * 20_000,
        "A" + " \t" * 20_000,
        "$1" * 20_000,
        "{{a" + " " * 40_000,
        "word " * 40_000,
        "1,1." * 10_000,
    ],
    ids=["dots", "capitals", "newlines", "blanks", "money", "braces", "words", "digits"],
)
def test_hostile_text_costs_no_more_than_a_moment(text: str) -> None:
    started = time.perf_counter()
    rules.entities(text)
    rules.summarise(text)
    rules.labels(text)
    write(f"Fill in the template:\n\n{text}", None, {})
    fill({"type": "object", "properties": {"score": {"type": "number"}, "names": {"type": "array"}}}, text)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer"}, "minItems": 10_000_000},
        {"type": "array", "items": {"type": "string"}, "minItems": 10_000_000},
        {"type": "string", "minLength": 10_000_000_000},
        {"type": "object", "properties": {f"p{n}": {"$ref": "#"} for n in range(10)}},
    ],
    ids=["numbers", "texts", "length", "itself"],
)
def test_a_schema_that_asks_for_too_much_is_refused_before_it_fills_the_memory(schema: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="the schema"):
        answered(Request("Some text.", json_schema=schema))
