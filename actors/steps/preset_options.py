"""A preset's options for one step, with the step's own over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pipelines.presets import PRESETS
from pydantic import JsonValue

from pipelines.language import ClaudeExtractStep, ClaudeSmartStep


def options_with_preset(
    step: ClaudeSmartStep | ClaudeExtractStep, own: Mapping[str, JsonValue], default: str
) -> tuple[str, dict[str, JsonValue]]:
    """(the preset's name, the options). A preset's `system_prompt` is only taken where the step has none."""
    name = step.preset or default
    preset = cast("Mapping[str, Any]", PRESETS)[name]
    return name, {**options_of(preset), **own}


def options_of(preset: Any) -> dict[str, JsonValue]:
    """A preset as a plain map."""
    return dict(preset) if isinstance(preset, Mapping) else {}
