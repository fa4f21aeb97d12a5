"""The step types this node can run. A new one is a file beside this one, a line here, and its model in the language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.steps.approval import ask_person
from actors.steps.checkpoint import hold
from actors.steps.claude import ask_claude
from actors.steps.claude_batch import ask_batch
from actors.steps.claude_extract import extract
from actors.steps.claude_robust import ask_robust, degrade
from actors.steps.claude_session import take_turn
from actors.steps.claude_smart import ask_smart
from actors.steps.codebase_query import query_codebase
from actors.steps.context import Executor, LastResort
from actors.steps.data_transform import transform
from actors.steps.deploy import deploy
from actors.steps.echo import echo
from actors.steps.file_ops import operate
from actors.steps.for_loop import open_loop
from actors.steps.gemini import ask_gemini
from actors.steps.gemini_instructor import ask_instructor
from actors.steps.leaving import leave
from actors.steps.parallel_claude import ask_parallel
from actors.steps.pipeline import open_pipeline
from actors.steps.pipeline_executor import open_trial, open_trials
from actors.steps.set_variable import set_variables
from actors.steps.switch import open_switch
from actors.steps.wait import wait
from actors.steps.while_loop import open_while

STEP_EXECUTORS: Final[Mapping[str, Executor]] = {
    "claude": ask_claude,
    "claude_smart": ask_smart,
    "claude_extract": extract,
    "parallel_claude": ask_parallel,
    "claude_batch": ask_batch,
    "claude_robust": ask_robust,
    "claude_session": take_turn,
    "gemini": ask_gemini,
    "gemini_instructor": ask_instructor,
    "set_variable": set_variables,
    "codebase_query": query_codebase,
    "data_transform": transform,
    "file_ops": operate,
    "pipeline": open_pipeline,
    "for_loop": open_loop,
    "while_loop": open_while,
    "break": leave,
    "continue": leave,
    "switch": open_switch,
    "checkpoint": hold,
    "approval": ask_person,
    "wait": wait,
    "pipeline_executor": open_trial,
    "parallel_pipeline_executor": open_trials,
    "conditional_deploy": deploy,
    "pipeline_deployer": deploy,
    "test_echo": echo,
}

# What a type does itself once its attempts are used up, before the step's `on_error` is looked at.
LAST_RESORTS: Final[Mapping[str, LastResort]] = {"claude_robust": degrade}

# Which route a type takes to its provider, unless the step or the routes name one for the type itself.
PROVIDER_FAMILIES: Final[Mapping[str, str]] = {
    "claude": "claude",
    "claude_smart": "claude",
    "claude_extract": "claude",
    "parallel_claude": "claude",
    "claude_batch": "claude",
    "claude_robust": "claude",
    "claude_session": "claude",
    "gemini": "gemini",
    "gemini_instructor": "gemini",
}
