"""The schema for editors accepts what is shipped and refuses what the loader refuses by shape."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipelines.language import STEP_CLASSES
from pipelines.tooling import pipeline_schema

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "pipelines").rglob("*.yaml"))


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = pipeline_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(text: str) -> list[str]:
    check: Any = validator()
    return [f"{error.json_path}: {error.message}" for error in check.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_shipped_pipeline_conforms(file: Path) -> None:
    assert faults(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "workflow: {name: x, steps: [{name: a, type: claude, prompt: [{type: static, content: hi}]}]}",
        "{name: x, version: 1.0, inputs: [a], steps: [{name: a, type: claude, prompt: hi, retry: 3, depends_on: b}]}",
        "{name: x, inputs: {a: 5, b: str, c: {type: int}}, steps: [{name: a, type: test_echo, timeout_ms: 5}]}",
        "{name: x, steps: [{name: a, type: parallel_claude, tasks: [one, {two: {prompt: hi}}]}]}",
        "{name: x, steps: [{name: a, type: pipeline, pipeline: {steps: [{name: b, type: test_echo}]}}]}",
        "{name: x, outputs: [{path: a.b, as: c}], steps: [{name: a, type: claude_extract, prompt: h, schema: {a: b}}]}",
        "{name: x, steps: [{name: s, type: switch, value: a, cases: {a: [{name: t, type: test_echo}]}}]}",
        "{name: x, steps: [{name: b, type: claude_batch, tasks: [hi], batch_config: {success_policy: 0.9}}]}",
    ],
)
def test_both_dialects_and_the_short_forms_conform(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{name: x}", "'steps' is a required property"),
        ("{name: x, steps: []}", "[] should be non-empty"),
        ("{name: x, steps: [{name: a, type: cluade}]}", "$.steps[0].type: 'cluade' is not one of"),
        ("{name: x, steps: [{name: a, type: claude, promt: hi, prompt: hi}]}", "'promt' was unexpected"),
        ("{name: x, steps: [{name: a, type: claude}]}", "'prompt' is a required property"),
        ("{name: x, steps: [{name: a, type: claude, prompt: hi, max_tokens: none}]}", "$.steps[0].max_tokens"),
        ("{name: x, steps: [{name: 1a, type: test_echo}]}", "$.steps[0].name"),
        ("{workflow: {name: x, steps: [{name: a, type: test_echo}]}, extra: 1}", "'extra' was unexpected"),
        (
            "{name: x, steps: [{name: l, type: for_loop, data_source: [1], steps: [{name: a, type: nope}]}]}",
            "$.steps[0].steps[0].type: 'nope' is not one of",
        ),
        ("{name: x, steps: [{name: a, type: test_echo}], outputs: [{path: a, ass: b}]}", "$.outputs"),
        ("{name: x, steps: [{name: p, type: pipeline, pipeline: {step: []}}]}", "'step' was unexpected"),
        ("{name: x, steps: [{name: s, type: switch, value: a, cases: {a: {name: t}}}]}", "$.steps[0].cases"),
    ],
)
def test_broken_ones_are_refused_at_their_place(text: str, told: str) -> None:
    assert any(told in each for each in faults(text)), faults(text)


def test_every_step_type_is_offered_with_a_sentence() -> None:
    kind: dict[str, Any] = pipeline_schema()["$defs"]["Step"]["properties"]["type"]
    assert kind["enum"] == list(STEP_CLASSES)
    assert len(kind["enumDescriptions"]) == len(kind["enum"])


def test_every_key_of_a_step_that_asks_has_a_description() -> None:
    properties: dict[str, Any] = pipeline_schema()["$defs"]["ClaudeSmartStep"]["properties"]
    assert [key for key, each in properties.items() if not each.get("description")] == []


def test_the_schema_is_plain_json_without_words_of_other_standards() -> None:
    assert '"discriminator"' not in json.dumps(pipeline_schema())
