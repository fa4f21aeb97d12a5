"""A step's own options over those of its preset."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from actors.steps.preset_options import options_with_preset
from pipelines.language import Scope, build_pipeline


def options(**step: Any) -> tuple[str, Any]:
    built = build_pipeline(
        {"name": "p", "steps": [{"name": "s", "type": "claude_smart", "prompt": "x", **step}], "inputs": {"n": {}}}
    )
    context: Any = SimpleNamespace(step=built.steps[0], scope=Scope(inputs={"n": 7}))
    return options_with_preset(context)


def test_the_default_preset_is_taken_where_the_step_has_none() -> None:
    assert options()[0] == "development"
    assert options(preset="test")[0] == "test"


def test_own_options_are_rendered_and_merged_key_by_key() -> None:
    _, merged = options(
        preset="test", claude_options={"max_turns": "{{ inputs.n }}", "retry_config": {"max_retries": 4}}
    )
    assert merged["max_turns"] == 7
    assert merged["retry_config"] == {"max_retries": 4, "backoff_strategy": "linear", "retry_on": []}


def test_the_model_of_a_preset_is_no_models_name_but_the_steps_own_is() -> None:
    assert "model" not in options(preset="production")[1]
    assert options(preset="production", claude_options={"model": "mine"})[1]["model"] == "mine"
