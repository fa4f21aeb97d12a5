"""The option sets, and how a step's own options and the pipeline's defaults meet them."""

from __future__ import annotations

from typing import Any, cast, get_args

import pytest

from pipelines.language import CLAUDE_OPTIONS, STEP_CLASSES, ClaudeSmartStep, build_pipeline
from pipelines.language.steps import Preset
from pipelines.presets import DEFAULT_PRESET, DEFAULT_PRESETS, PRESETS, with_overrides


def preset_of(step: dict[str, Any], **pipeline: Any) -> str | None:
    built = build_pipeline(
        {"name": "p", "steps": [{"name": "s", "type": "claude_smart", "prompt": "x", **step}], **pipeline}
    )
    return cast(ClaudeSmartStep, built.steps[0]).preset


def test_the_presets_are_those_of_the_language() -> None:
    assert set(PRESETS) == set(get_args(Preset))


def test_every_option_of_a_preset_is_one_a_step_may_set() -> None:
    assert {name for options in PRESETS.values() for name in options} <= CLAUDE_OPTIONS


@pytest.mark.parametrize(
    ("preset", "turns", "output", "tools", "retries", "timeout_ms"),
    [
        ("development", 20, "stream_json", 7, 3, 300_000),
        ("production", 10, "json", 1, 2, 120_000),
        ("analysis", 5, "json", 3, 2, 180_000),
        ("chat", 15, "text", 0, 1, 60_000),
        ("test", 3, "json", 1, 1, 30_000),
    ],
)
def test_the_figures_of_the_format(
    preset: str, turns: int, output: str, tools: int, retries: int, timeout_ms: int
) -> None:
    options: Any = with_overrides(preset, {})
    assert (options["max_turns"], options["output_format"], options["timeout_ms"]) == (turns, output, timeout_ms)
    assert len(options["allowed_tools"]) == tools
    assert options["retry_config"]["max_retries"] == retries


def test_only_a_retry_on_something_is_a_retry_for_the_others() -> None:
    retried = {name: cast(Any, options)["retry_config"]["retry_on"] for name, options in PRESETS.items()}
    assert retried["development"] == ["timeout", "api_error"]
    assert retried["test"] == []


def test_own_options_go_before_the_preset_key_by_key() -> None:
    options: Any = with_overrides("production", {"max_turns": 1, "retry_config": {"max_retries": 9}, "new": [1]})
    assert (options["max_turns"], options["new"], options["model"]) == (1, [1], "opus")
    assert options["retry_config"] == {"max_retries": 9, "backoff_strategy": "linear", "retry_on": ["timeout"]}


def test_a_map_replaces_what_is_no_map_and_the_other_way_round() -> None:
    options: Any = with_overrides("test", {"max_turns": {"a": 1}, "retry_config": None})
    assert (options["max_turns"], options["retry_config"]) == ({"a": 1}, None)


def test_what_is_done_to_the_options_does_not_reach_the_preset() -> None:
    options: Any = with_overrides("test", {})
    options["allowed_tools"].append("Bash")
    options["retry_config"]["max_retries"] = 99
    fresh: Any = with_overrides("test", {})
    assert (fresh["allowed_tools"], fresh["retry_config"]["max_retries"]) == (["Read"], 1)


def test_an_unknown_preset_means_development() -> None:
    assert with_overrides("nonsense", {}) == PRESETS[DEFAULT_PRESET]


def test_the_step_goes_before_the_pipeline_and_that_before_the_environment() -> None:
    everywhere: dict[str, Any] = {"defaults": {"claude_preset": "chat"}, "environment": {"mode": "production"}}
    assert preset_of({"preset": "test", "environment_aware": True}, **everywhere) == "test"
    assert preset_of({"environment_aware": True}, **everywhere) == "chat"
    assert preset_of({"environment_aware": True}, environment={"mode": "production"}) == "production"


def test_the_environment_counts_only_for_steps_that_ask_for_it() -> None:
    assert preset_of({}, environment={"mode": "production"}) is None
    assert preset_of({"environment_aware": True}) is None


def test_an_unknown_preset_in_a_file_is_refused_with_the_nearest() -> None:
    with pytest.raises(Exception, match="write 'analysis'"):
        preset_of({"preset": "analisys"})


def test_every_type_that_takes_a_preset_has_one_without_being_told() -> None:
    taking = {name for name, model in STEP_CLASSES.items() if "preset" in model.model_fields}
    assert set(DEFAULT_PRESETS) == taking and set(DEFAULT_PRESETS.values()) <= set(PRESETS)
