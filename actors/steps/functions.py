"""The tool loop: functions go to the model, its calls are answered, until it says its answer.

A function with a body (`returns` or `step`) is answered here. One without is a form to fill: the call itself is what
was wanted, and ends the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from actors.providers import Answer, FunctionCall, FunctionDeclaration, FunctionResult, Request, Turn
from actors.steps.answering import answer_call, parameters_of, problem_of
from actors.steps.asking import result_of
from actors.steps.context import StepContext
from actors.steps.errors import FunctionRoundsError, UndeclaredFunctionError
from pipelines.execution import Spending
from pipelines.extraction import checks_prepared, prepare_checks
from pipelines.language import FunctionSpec

MOST_CALLS_A_ROUND = 16
_TALK = "function_talk"


@dataclass(slots=True)
class FunctionTalk:
    """How far the loop has come. Kept between attempts: a retry goes on where the last one stopped.

    `log` lists the calls with what they gave. `wanted` is the call that ended the loop, None when text did.
    """

    turns: tuple[Turn, ...] = ()
    rounds: int = 0
    log: list[JsonValue] = field(default_factory=list[JsonValue])
    wanted: FunctionCall | None = None
    spent: Spending = field(default_factory=Spending)

    def result(self, answer: Answer) -> dict[str, JsonValue]:
        """The step's result: `result` is the text, or the arguments of the call that ended the loop."""
        usage: dict[str, JsonValue] = {**self.spent.usage}
        result = {**result_of(answer), "usage": usage, "cost_usd": self.spent.cost_usd}
        if self.wanted is not None:
            result["result"] = dict(self.wanted.arguments)
        return {**result, "function_calls": self.log, "rounds": self.rounds}

    def findings(self) -> str:
        """What the calls gave, as text for a prompt of its own."""
        results = [result for turn in self.turns for result in turn.results]
        return "\n".join(f"{result.call.name}: {dict(result.output)}" for result in results)


async def ask_with_functions(
    context: StepContext,
    provider: str,
    request: Request,
    functions: Sequence[FunctionSpec | str],
    max_rounds: int,
) -> tuple[Answer, FunctionTalk]:
    """The answer that ended the loop, and the talk that led to it.

    A call that fails is answered with its error, so that the model may do better. Raises `FunctionRoundsError` when it
    still calls after `max_rounds` rounds, `UndeclaredFunctionError`, and what `StepContext.ask` raises.
    """
    specs = _by_name(functions)
    talk: FunctionTalk = context.kept.setdefault(_TALK, FunctionTalk())
    declared = tuple(FunctionDeclaration(each.name, each.description, parameters_of(each)) for each in specs.values())
    asked = replace(request, functions=declared)
    while True:
        answer = await context.ask(provider, replace(asked, follow_up=talk.turns), part=f"round[{talk.rounds}]")
        talk.spent.add(result_of(answer))
        if not answer.calls:
            return answer, talk
        if not checks_prepared():
            await asyncio.to_thread(prepare_checks)
        wanted = _wanted(answer.calls, specs)
        if wanted is not None:
            talk.wanted = wanted
            talk.log.append({"name": wanted.name, "arguments": dict(wanted.arguments)})
            return answer, talk
        if talk.rounds >= max_rounds:
            raise FunctionRoundsError(
                f"the model still calls functions after {max_rounds} rounds of them; raise max_rounds or say in the "
                "prompt when to answer"
            )
        results = await _answered(context, answer.calls, specs, talk)
        talk.log += [_logged(result) for result in results]
        talk.turns += (Turn("assistant", answer.text, answer.calls), Turn("user", results=results))
        talk.rounds += 1


def _by_name(functions: Sequence[FunctionSpec | str]) -> dict[str, FunctionSpec]:
    missing = [each for each in functions if isinstance(each, str)]
    if missing:
        raise UndeclaredFunctionError(f"not declared under gemini_functions: {', '.join(missing)}")
    return {each.name: each for each in functions if not isinstance(each, str)}


def _wanted(calls: Sequence[FunctionCall], specs: dict[str, FunctionSpec]) -> FunctionCall | None:
    """The first call of a function without a body, when its arguments are what was declared."""
    for call in calls:
        spec = specs.get(call.name)
        if spec is not None and not spec.has_body and problem_of(spec, call) is None:
            return call
    return None


async def _answered(
    context: StepContext, calls: Sequence[FunctionCall], specs: dict[str, FunctionSpec], talk: FunctionTalk
) -> tuple[FunctionResult, ...]:
    # One after the other: what functions do to the workspace then has an order.
    results: list[FunctionResult] = []
    for number, call in enumerate(calls):
        if number >= MOST_CALLS_A_ROUND:
            told = f"not answered: at most {MOST_CALLS_A_ROUND} calls at a time"
            results.append(FunctionResult(call, {"error": told}, failed=True))
        else:
            results.append(await answer_call(context, specs, call, len(talk.log) + number, talk.spent))
    return tuple(results)


def _logged(result: FunctionResult) -> JsonValue:
    key = "error" if result.failed else "output"
    output: JsonValue = result.output["error"] if result.failed else dict(result.output)
    return {"name": result.call.name, "arguments": dict(result.call.arguments), key: output}
