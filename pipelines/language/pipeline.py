"""A whole definition as one frozen value, its identity, and what it asks of and gives to its caller."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Literal, cast

from pydantic import AliasChoices, Field, JsonValue

from .diagnostics import InvalidInputsError, nearest
from .json_text import parse_json
from .parts import InputSpec, Limits, OutputPath, Part
from .references import build_graph, free_names, input_names, written_variables
from .steps import BaseStep, JsonMap, OnError, Step

Outputs = tuple[str | OutputPath, ...] | dict[str, JsonValue] | None

_TYPE_OF: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "map": (dict,),
}


class Pipeline(Part):
    """A whole definition."""

    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    version: str = ""
    inputs: dict[str, InputSpec] = {}
    steps: tuple[Step, ...] = Field(min_length=1, max_length=2000)
    finally_: tuple[Step, ...] = Field(
        default=(), max_length=200, validation_alias=AliasChoices("finally", "finally_"), serialization_alias="finally"
    )
    finally_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    on_error: OnError | None = None
    on_failure: Literal["stop", "finish"] = "stop"
    limits: Limits = Limits()
    tier: Literal["simple", "complex", "meta"] | None = None
    maturity: Literal["experimental", "beta", "production"] | None = None
    outputs: Outputs = None
    defaults: JsonMap = {}
    global_vars: JsonMap = {}
    variables: JsonMap = {}
    workspace_dir: str | None = None
    unresolved_names: Literal["error", "keep"] = "error"
    gemini_functions: JsonMap = {}
    environment: JsonMap = {}
    metadata: JsonValue = None
    input: JsonValue = None
    output_dir: str | None = None
    checkpoint_dir: str | None = None
    checkpoint_enabled: bool = False
    claude_auth: JsonValue = None
    resource_limits: JsonValue = None
    hooks: JsonValue = None
    agents: JsonValue = None
    mcp_servers: JsonValue = None
    memory_config: JsonValue = None
    enable_skills: JsonValue = None
    enable_context_management: JsonValue = None
    setting_sources: JsonValue = None

    @cached_property
    def dependency_graph(self) -> Mapping[str, frozenset[str]]:
        """Step name -> the steps it waits for (see `references`)."""
        return build_graph(self.steps)

    @cached_property
    def finally_graph(self) -> Mapping[str, frozenset[str]]:
        """The same among the `finally` steps: what they read of the other steps has ended before they begin."""
        return build_graph(self.finally_)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Its own steps, with those that run at the end."""
        return (*self.steps, *self.finally_)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the canonical JSON: the same for two texts that mean the same."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def implied_inputs(self) -> tuple[str, ...]:
        """Names its templates use that nothing in it provides: inputs without a declaration."""
        return free_names(
            self.all_steps,
            frozenset(self.inputs).union(
                self.variables, self.global_vars, *(written_variables(step) for step in self.all_steps)
            ),
            frozenset(self.inputs),
        )

    @cached_property
    def required_inputs(self) -> tuple[str, ...]:
        """Names a run must be given: declared without default, then implied.

        Where unresolved names are kept, a bare name asks for nothing; `inputs.x` does.
        """
        declared = [name for name, spec in self.inputs.items() if spec.is_required]
        implied = self.implied_inputs
        if self.unresolved_names == "keep":
            asked = input_names(self.all_steps)
            implied = tuple(name for name in implied if name in asked)
        return (*declared, *(name for name in implied if name not in self.inputs))

    @property
    def output_directory(self) -> str | None:
        """Where `output_to_file` writes: `output_dir`, else the one among the defaults. None: the node's choice."""
        habit = self.defaults.get("output_dir")
        return self.output_dir or (habit if isinstance(habit, str) and habit else None)


_MOST_TOLD = 50  # of unknown inputs: each costs a search for the nearest name
_LONGEST_TOLD = 200


def resolve_inputs(pipeline: Pipeline, given: Mapping[str, JsonValue], *, others: bool = False) -> dict[str, JsonValue]:
    """The run's inputs: defaults filled in, text turned into the declared type (`"5"` -> 5).

    With `others`, inputs that nothing asks for are let pass. Raises `InvalidInputsError` with every problem: missing,
    unknown (nearest name), wrong type, not in enum.
    """
    known = {*pipeline.inputs, *pipeline.implied_inputs}
    problems: list[str] = []
    values: dict[str, JsonValue] = {}
    unknown = [] if others else [name for name in given if name not in known]
    for name in unknown[:_MOST_TOLD]:
        match = nearest(name[:_LONGEST_TOLD], known)
        hint = f"did you mean '{match}'" if match else f"known are: {', '.join(sorted(known)) or 'none'}"
        problems.append(f"'{name[:_LONGEST_TOLD]}' is not an input ({hint})")
    if len(unknown) > _MOST_TOLD:
        problems.append(f"{len(unknown) - _MOST_TOLD} more are not inputs")
    for name in pipeline.required_inputs:
        if name not in given:
            problems.append(f"'{name}' is required")
    for name, spec in pipeline.inputs.items():
        if name not in given and spec.default is None:
            values[name] = None
            continue
        try:
            values[name] = fit_input(given.get(name, spec.default), spec)
        except ValueError as error:
            problems.append(f"'{name}' {error}")
    if problems:
        raise InvalidInputsError(pipeline.name, problems)
    return values | {name: given[name] for name in pipeline.implied_inputs if name in given}


def fit_input(value: JsonValue, spec: InputSpec) -> JsonValue:
    """The value as the declared type; raises `ValueError` with a sentence that lacks its subject."""
    if isinstance(value, str) and spec.type not in {"any", "string"}:
        try:
            value = parse_json(value)
        except ValueError:
            raise ValueError(f"must be of type {spec.type}, got the text {value[:60]!r}") from None
    if value is None and spec.type != "any" and spec.is_required:
        raise ValueError(f"must be of type {spec.type}, got null")
    wanted = _TYPE_OF.get(spec.type)
    wrong_bool = isinstance(value, bool) and spec.type in {"integer", "number"}
    if wanted is not None and value is not None and (wrong_bool or not isinstance(value, wanted)):
        held = "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else json.dumps(value)
        raise ValueError(f"must be of type {spec.type}, got {held}")
    if spec.enum and value not in spec.enum:
        raise ValueError(f"must be one of {json.dumps(list(spec.enum))}")
    return value


def dependencies(holder: Pipeline | BaseStep, body: int = 0) -> Mapping[str, frozenset[str]]:
    """Step name -> names of the steps it waits for, among the steps of a pipeline or of one body of a step. Computed
    once."""
    if isinstance(holder, Pipeline):
        return holder.dependency_graph
    # Kept beside the fields, as cached_property does: models are frozen, and a loop asks once an iteration.
    kept = cast("dict[str, dict[int, Mapping[str, frozenset[str]]]]", vars(holder))
    graphs = kept.setdefault("_dependency_graphs", {})
    if body not in graphs:
        graphs[body] = build_graph(holder.bodies()[body][1])
    return graphs[body]


Part.named_types.update(Step=Step, Pipeline=Pipeline)
# Built here and not at the first pipeline, which somebody waits for.
Pipeline.model_rebuild()
