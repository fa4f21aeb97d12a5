"""The presets of `claude_smart` and its kin: option sets for a purpose, as pipeline_ex names them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Final, cast

from pydantic import JsonValue

Options = dict[str, JsonValue]

DEFAULT_PRESET: Final = "development"
"""Of types that `DEFAULT_PRESETS` does not name."""
DEFAULT_PRESETS: Final[Mapping[str, str]] = {
    "claude_smart": DEFAULT_PRESET,
    "claude_batch": DEFAULT_PRESET,
    "claude_extract": "analysis",
    "claude_session": "analysis",
    "claude_robust": "production",
}
"""The types of steps that have a preset in any case -> the one of a step that names none."""


def _preset(
    purpose: str, turns: int, verbose: bool, output: str, tools: list[JsonValue], *, timeout_ms: int, **more: JsonValue
) -> Options:
    return {
        "max_turns": turns,
        "verbose": verbose,
        "output_format": output,
        "allowed_tools": tools,
        "timeout_ms": timeout_ms,
        "system_prompt": purpose,
        **more,
    }


def _retry(times: int, strategy: str, *on: str) -> Options:
    return {"max_retries": times, "backoff_strategy": strategy, "retry_on": list(on)}


PRESETS: Final[Mapping[str, Options]] = {
    "development": _preset(
        "You are a development assistant. Be detailed and explain your reasoning.",
        20,
        True,
        "stream_json",
        ["Write", "Edit", "Read", "Bash", "Search", "Glob", "Grep"],
        timeout_ms=300_000,
        model="sonnet",
        retry_config=_retry(3, "exponential", "timeout", "api_error"),
        debug_mode=True,
        telemetry_enabled=True,
        cost_tracking=True,
    ),
    "production": _preset(
        "You are a production assistant. Prioritize safety and reliability.",
        10,
        False,
        "json",
        ["Read"],
        timeout_ms=120_000,
        model="opus",
        fallback_model="sonnet",
        retry_config=_retry(2, "linear", "timeout"),
        debug_mode=False,
        telemetry_enabled=True,
        cost_tracking=True,
    ),
    "analysis": _preset(
        "You are an analysis assistant. Be thorough and support every finding with evidence.",
        5,
        True,
        "json",
        ["Read", "Glob", "Grep"],
        timeout_ms=180_000,
        model="opus",
        retry_config=_retry(2, "exponential", "timeout", "api_error"),
        debug_mode=False,
        telemetry_enabled=True,
        cost_tracking=True,
    ),
    "chat": _preset(
        "You are a helpful assistant. Be friendly and concise.",
        15,
        False,
        "text",
        [],
        timeout_ms=60_000,
        retry_config=_retry(1, "linear", "timeout"),
        debug_mode=False,
        telemetry_enabled=False,
        cost_tracking=True,
    ),
    "test": _preset(
        "You are a test assistant. Provide predictable, structured responses.",
        3,
        True,
        "json",
        ["Read"],
        timeout_ms=30_000,
        retry_config=_retry(1, "linear"),
        debug_mode=True,
        telemetry_enabled=False,
        cost_tracking=False,
    ),
}


def with_overrides(preset: str, overrides: Mapping[str, JsonValue]) -> Options:
    """The preset's options with `overrides` merged in, maps key by key; neither is changed. An unknown name means
    development, as in the reference (the loader refuses it earlier)."""
    return _merged(deepcopy(PRESETS.get(preset, PRESETS[DEFAULT_PRESET])), overrides)


def _merged(base: Mapping[str, JsonValue], over: Mapping[str, JsonValue]) -> Options:
    result: Options = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = _merged(below, cast("Mapping[str, JsonValue]", value))
        else:
            result[key] = value
    return result
