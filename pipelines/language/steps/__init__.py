"""The step types, one frozen model each, told apart by `type`; one module a family.

base      what all steps have
batch     claude_batch
claude    claude, claude_smart, claude_extract, parallel_claude
gemini    gemini, gemini_instructor
robust    claude_robust
session   claude_session
codebase  codebase_query
data      set_variable, data_transform, file_ops
flow      pipeline
loops     for_loop, while_loop, break, continue
switch    switch
checkpoint  checkpoint
executors  pipeline_executor, parallel_pipeline_executor
deploy    conditional_deploy, pipeline_deployer
waiting   approval, wait
testing   test_echo

A new step type is a class in the module of its family, its name in `Step` and in `STEP_CLASSES`, and its executor in
the actors floor.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from .base import NAME_PATTERN, SCHEMA_FIELD, BaseStep, Body, JsonMap, OnError, Preset, PromptStep
from .batch import BatchConfig, BatchTask, ClaudeBatchStep
from .checkpoint import CheckpointStep
from .claude import ClaudeExtractStep, ClaudeSmartStep, ClaudeStep, ParallelClaudeStep, ParallelTask
from .codebase import CodebaseQueryStep
from .data import DataTransformStep, FileCheck, FileOpsStep, SetVariableStep
from .deploy import ConditionalDeployStep, DeployStep, PipelineDeployerStep
from .executors import ExecutorStep, ParallelPipelineExecutorStep, PipelineExecutorStep
from .flow import PipelineStep
from .gemini import ARGUMENTS, FunctionSpec, FunctionsStep, GeminiInstructorStep, GeminiStep
from .loops import BreakStep, ContinueStep, ForLoopStep, WhileLoopStep
from .robust import ClaudeRobustStep, RobustConfig
from .session import ClaudeSessionStep, SessionConfig
from .switch import SwitchCase, SwitchStep
from .testing import TestEchoStep
from .waiting import LONGEST_WAIT_S, REJECT, ApprovalStep, WaitingStep, WaitStep, moment_of

__all__ = [
    "ARGUMENTS",
    "LONGEST_WAIT_S",
    "NAME_PATTERN",
    "REJECT",
    "SCHEMA_FIELD",
    "STEP_CLASSES",
    "UNSUPPORTED_TYPES",
    "ApprovalStep",
    "BaseStep",
    "BatchConfig",
    "BatchTask",
    "Body",
    "BreakStep",
    "CheckpointStep",
    "ClaudeBatchStep",
    "ClaudeExtractStep",
    "ClaudeRobustStep",
    "ClaudeSessionStep",
    "ClaudeSmartStep",
    "ClaudeStep",
    "CodebaseQueryStep",
    "ConditionalDeployStep",
    "ContinueStep",
    "DataTransformStep",
    "DeployStep",
    "ExecutorStep",
    "FileCheck",
    "FileOpsStep",
    "ForLoopStep",
    "FunctionSpec",
    "FunctionsStep",
    "GeminiInstructorStep",
    "GeminiStep",
    "JsonMap",
    "OnError",
    "ParallelClaudeStep",
    "ParallelPipelineExecutorStep",
    "ParallelTask",
    "PipelineDeployerStep",
    "PipelineExecutorStep",
    "PipelineStep",
    "Preset",
    "PromptStep",
    "RobustConfig",
    "SessionConfig",
    "SetVariableStep",
    "Step",
    "SwitchCase",
    "SwitchStep",
    "TestEchoStep",
    "WaitStep",
    "WaitingStep",
    "WhileLoopStep",
    "moment_of",
]

# An alias with a name, so that pydantic builds the union once and not at each of the fields that hold steps.
Step = TypeAliasType(
    "Step",
    Annotated[
        ClaudeStep
        | ClaudeSmartStep
        | ClaudeExtractStep
        | ParallelClaudeStep
        | ClaudeBatchStep
        | ClaudeRobustStep
        | ClaudeSessionStep
        | GeminiStep
        | GeminiInstructorStep
        | SetVariableStep
        | CodebaseQueryStep
        | DataTransformStep
        | FileOpsStep
        | PipelineStep
        | ForLoopStep
        | WhileLoopStep
        | BreakStep
        | ContinueStep
        | SwitchStep
        | CheckpointStep
        | PipelineExecutorStep
        | ParallelPipelineExecutorStep
        | ConditionalDeployStep
        | PipelineDeployerStep
        | ApprovalStep
        | WaitStep
        | TestEchoStep,
        Field(discriminator="type"),
    ],
)

STEP_CLASSES: dict[str, type[BaseStep]] = {
    "claude": ClaudeStep,
    "claude_smart": ClaudeSmartStep,
    "claude_extract": ClaudeExtractStep,
    "parallel_claude": ParallelClaudeStep,
    "claude_batch": ClaudeBatchStep,
    "claude_robust": ClaudeRobustStep,
    "claude_session": ClaudeSessionStep,
    "gemini": GeminiStep,
    "gemini_instructor": GeminiInstructorStep,
    "set_variable": SetVariableStep,
    "codebase_query": CodebaseQueryStep,
    "data_transform": DataTransformStep,
    "file_ops": FileOpsStep,
    "pipeline": PipelineStep,
    "for_loop": ForLoopStep,
    "while_loop": WhileLoopStep,
    "break": BreakStep,
    "continue": ContinueStep,
    "switch": SwitchStep,
    "checkpoint": CheckpointStep,
    "pipeline_executor": PipelineExecutorStep,
    "parallel_pipeline_executor": ParallelPipelineExecutorStep,
    "conditional_deploy": ConditionalDeployStep,
    "pipeline_deployer": PipelineDeployerStep,
    "approval": ApprovalStep,
    "wait": WaitStep,
    "test_echo": TestEchoStep,
}

# Known to the mission or to pipeline_ex, so that a reader is told the truth about them instead of "unknown".
UNSUPPORTED_TYPES = frozenset(
    {
        "bash",
        "prompt",
    }
)
