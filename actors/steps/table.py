"""The step types this node can run. A new one is a file beside this one, a line here, and its model in the language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.steps.claude import ask_claude
from actors.steps.claude_extract import extract
from actors.steps.claude_smart import ask_smart
from actors.steps.context import Executor
from actors.steps.data_transform import transform
from actors.steps.echo import echo
from actors.steps.file_ops import operate
from actors.steps.for_loop import open_loop
from actors.steps.gemini import ask_gemini
from actors.steps.parallel_claude import ask_parallel
from actors.steps.pipeline import open_pipeline
from actors.steps.set_variable import set_variables

STEP_EXECUTORS: Final[Mapping[str, Executor]] = {
    "claude": ask_claude,
    "claude_smart": ask_smart,
    "claude_extract": extract,
    "parallel_claude": ask_parallel,
    "gemini": ask_gemini,
    "set_variable": set_variables,
    "data_transform": transform,
    "file_ops": operate,
    "pipeline": open_pipeline,
    "for_loop": open_loop,
    "test_echo": echo,
}

# Which route a type takes to its provider, unless the step or the routes name one for the type itself.
PROVIDER_FAMILIES: Final[Mapping[str, str]] = {
    "claude": "claude",
    "claude_smart": "claude",
    "claude_extract": "claude",
    "parallel_claude": "claude",
    "gemini": "gemini",
}
