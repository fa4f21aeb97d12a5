"""One function call of a model, answered by the function's body: a template, or a step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace as struct_replace
from pydantic import JsonValue

from actors.providers import FunctionCall, FunctionResult
from actors.steps.context import StepContext
from actors.steps.errors import StepError, SwitchedOffError, failure_of
from actors.steps.output import write_output
from pipelines.execution import FailureKind, Spending, skipped_result
from pipelines.extraction import normalise_parameters, validate_against
from pipelines.language import ARGUMENTS, FunctionSpec, Scope, render, unwrap

LONGEST_OUTPUT = 100_000
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


class FunctionStepError(StepError):
    """A function's step is of a kind that consists of steps, which cannot run inside a call."""

    code = "function_step"
    kind = FailureKind.INVALID


def parameters_of(function: FunctionSpec) -> Mapping[str, Any]:
    """Its parameters as JSON Schema of an object."""
    if function.parameters is None:
        return _NO_PARAMETERS
    schema = cast("Mapping[str, Any]", normalise_parameters(function.parameters))
    return schema if schema.get("type") == "object" else {"type": "object", "properties": {}, **schema}


def problem_of(function: FunctionSpec, call: FunctionCall) -> str | None:
    """Why the arguments are not what the function declares, in words for the model."""
    problems = validate_against(parameters_of(function), dict(call.arguments))
    return f"the arguments do not fit: {'; '.join(problems)}"[:2_000] if problems else None


async def answer_call(
    context: StepContext, functions: Mapping[str, FunctionSpec], call: FunctionCall, number: int, spent: Spending
) -> FunctionResult:
    """What the call gave; what a step spent for it goes into `spent`. A failure is told to the model as {"error": ...};
    only a kill switch, a limit and a spent provider end the step."""
    function = functions.get(call.name)
    if function is None:
        return _failed(call, f"there is no function {call.name!r}; there are: {', '.join(functions)}")
    problem = problem_of(function, call)
    if problem is not None:
        return _failed(call, problem)
    try:
        value = await _value(context, function, call, number, spent)
    except SwitchedOffError:
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure.kind in {FailureKind.SPENT, FailureKind.LIMIT}:
            raise
        return _failed(call, failure.message)
    return FunctionResult(call, _output(value))


async def _value(
    context: StepContext, function: FunctionSpec, call: FunctionCall, number: int, spent: Spending
) -> JsonValue:
    scope = with_arguments(context.scope, call.arguments)
    if function.step is None:
        return render(function.returns, scope)
    # Not at the top: the table names the executors that use this module.
    from actors.steps.table import STEP_EXECUTORS  # noqa: PLC0415

    step = function.step
    inner = struct_replace(
        context, step=step, scope=scope, key=f"{context.key}/{function.name}[{number}]", last_attempt=True, kept={}
    )
    skipped = None if step.condition is None else skipped_result(step, scope)
    if skipped is not None:
        return skipped
    async with asyncio.timeout(step.timeout_s):
        result = await STEP_EXECUTORS[step.type](inner)
    if hasattr(result, "advance"):
        raise FunctionStepError(f"a {step.type} step cannot answer a function call: it consists of steps itself")
    made = cast(JsonValue, result)
    spent.add(made)
    if step.output_to_file is not None:
        await write_output(inner, made)
    return unwrap(made)


def with_arguments(scope: Scope, arguments: Mapping[str, Any]) -> Scope:
    """The scope of a function's body: `arguments` is a name in it, as a loop's item is in a loop."""
    return struct_replace(scope, loop={**(scope.loop or {}), ARGUMENTS: dict(arguments)})


def _output(value: JsonValue) -> Mapping[str, Any]:
    output = dict(value) if isinstance(value, Mapping) else {"result": value}
    text = json.dumps(output, ensure_ascii=False)
    if len(text) <= LONGEST_OUTPUT:
        return output
    return {"result": text[:LONGEST_OUTPUT], "truncated": True, "characters": len(text)}


def _failed(call: FunctionCall, message: str) -> FunctionResult:
    return FunctionResult(call, {"error": message}, failed=True)
