"""What a pipeline will do, in words: order, what runs side by side, conditions, failures, where results go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.language import BaseStep, DeployStep, OutputPath, Pipeline

from .asking_words import asking_words, context_words
from .limit_words import nesting_words, pipeline_words
from .models import Routing, provider_of
from .outline import Block, condition_text, finally_block, inner_blocks, kind_of, outline
from .questions import questions
from .waiting import waiting_failure, waiting_words


def explain(pipeline: Pipeline, routing: Routing) -> str:
    """Plain text for people; `routing` tells who would be asked as the settings are now."""
    lines = [f"Pipeline '{pipeline.name}'" + (f": {pipeline.description.strip()}" if pipeline.description else ""), ""]
    lines += _inputs(pipeline)
    lines += ["", "What happens:", *_block(outline(pipeline), "  ", routing)]
    lines += [f"  {words}" for words in pipeline_words(pipeline)]
    if pipeline.finally_:
        lines += ["", "At the end, whatever happened:", *_block(finally_block(pipeline), "  ", routing)]
    lines += ["", "Where the results go:", *_results(pipeline)]
    return "\n".join(lines) + "\n"


def _inputs(pipeline: Pipeline) -> Iterator[str]:
    names = (*pipeline.inputs, *(name for name in pipeline.implied_inputs if name not in pipeline.inputs))
    if not names:
        yield "It takes no inputs."
        return
    yield "It takes:"
    for name in names:
        spec = pipeline.inputs.get(name)
        if spec is None:
            yield f"  - {name}: must be given (used, but not declared)"
            continue
        kind = "" if spec.type == "any" else f" ({spec.type})"
        need = "must be given" if spec.is_required else f"{condition_text(spec.default)} unless given"
        choice = f"; one of {', '.join(condition_text(each) for each in spec.enum)}" if spec.enum else ""
        told = f" - {spec.description}" if spec.description else ""
        yield f"  - {name}{kind}: {need}{choice}{told}"


def _block(block: Block, indent: str, routing: Routing) -> Iterator[str]:
    steps = block.by_name
    told = False
    for number, names in enumerate(block.rounds, start=1):
        if not told and block.at_the_end.intersection(names):
            told = True
            yield f"{indent}At the end, whatever came of the steps above:"
        if len(names) > 1:
            yield f"{indent}{number}. Side by side, each as soon as what it waits for is there:"
            for name in names:
                yield from _step(steps[name], block, f"{indent}   - ", indent + "     ", routing)
        else:
            for name in names:
                yield from _step(steps[name], block, f"{indent}{number}. ", indent + "   ", routing)


def _step(step: BaseStep, block: Block, mark: str, indent: str, routing: Routing) -> Iterator[str]:
    waits = [other.name for other in block.steps if other.name in block.graph[step.name]]
    after = f" after {_and(waits)}" if waits else ""
    yield f"{mark}'{step.name}'{after} {_action(step, routing)}."
    if step.condition is not None and kind_of(step) != "while_loop":
        yield f"{indent}Only if {condition_text(step.condition)}; otherwise it is skipped."
    yield f"{indent}{_failure(step)}"
    yield from (f"{indent}{words}" for words in nesting_words(step))
    large = context_words(step)
    if large is not None:
        yield f"{indent}{large}"
    if step.output_to_file:
        yield f"{indent}Its result is also written to {step.output_to_file}."
    for inner in inner_blocks(step):
        yield f"{indent}{inner.title[:1].upper()}{inner.title[1:]}:"
        yield from _block(inner, indent + "  ", routing)


def _action(step: BaseStep, routing: Routing) -> str:
    kind = kind_of(step)
    asked = list(questions(step))
    given: Mapping[str, Any] = {name: getattr(step, name) for name in type(step).model_fields}
    match kind:
        case "parallel_claude":
            return f"asks {provider_of(step, routing)} {_many(len(asked), 'question')}, {given['max_parallel']} at once"
        case "set_variable":
            return f"sets {_and([f'state.{name}' for name in given['variables']]) or 'nothing'}"
        case "data_transform":
            done = [str(each.get("operation")) for each in given["operations"]]
            return f"takes {condition_text(given['input_source'])} and applies {_and(done) or 'nothing'}"
        case "file_ops":
            return _file_action(given)
        case "for_loop":
            how = (
                f"up to {given['max_parallel']} passes side by side"
                if given["parallel"]
                else "one pass after the other"
            )
            stop = ", ending at the first failed pass" if given["break_on_error"] else ", whatever fails in a pass"
            return f"goes over {condition_text(given['data_source'])}, {how}{stop}"
        case "while_loop":
            return f"repeats as long as {condition_text(step.condition)}, {given['max_iterations']} passes at most"
        case "switch":
            return f"takes the first branch that fits{_of(given.get('value'))}"
        case "pipeline":
            inner = f"the file {given['pipeline_file']}" if given["pipeline_file"] else "an inner pipeline"
            if given["pipeline_ref"]:
                inner = (
                    f"the pipeline {given['pipeline_ref']} of the node's library, as it is when the run is submitted"
                )
            return f"runs {inner}"
        case "conditional_deploy" | "pipeline_deployer":
            what = condition_text(given["pipeline"]) if given["pipeline"] is not None else "the pipeline it speaks of"
            how = str(given["deployment_strategy"]).replace("_", " ")
            return f"is to deploy {what} ({how}), which no node can do yet: it fails with 'not_available'"
        case "approval" | "wait":
            return waiting_words(step) or "waits"
        case "test_echo":
            return "answers its own value"
        case "codebase_query":
            where = given["path"] or "the workspace"
            return f"reads the source files of {where} and answers {_and(list(given['queries']))}"
        case "checkpoint":
            return "waits for everything before it, and holds back everything behind it"
        case "break" | "continue":
            return "ends the loop around it" if kind == "break" else "ends the pass of the loop around it"
        case _ if (words := asking_words(step, routing)) is not None:
            return words
        case _:
            return f"is a step of type {kind}"


def _file_action(given: Mapping[str, Any]) -> str:
    operation = given["operation"]
    if operation in {"copy", "move"}:
        verb = "copies" if operation == "copy" else "moves"
        return f"{verb} {given['source']} to {given['destination']}"
    if operation in {"convert", "stream_process"}:
        how = given["format"] if operation == "convert" else given["processor"]
        onto = f" into {given['destination']}" if given["destination"] else ""
        return f"turns {given['source']}{onto} ({how})"
    if operation == "validate":
        return f"checks {_and([file.path for file in given['files']])}"
    if operation == "exists":
        return f"looks whether {given['path']} is there"
    pattern = f" ({given['pattern']})" if given["pattern"] else ""
    verb = {"read": "reads", "write": "writes", "list": "lists", "delete": "deletes"}.get(operation, operation)
    return f"{verb} {given['path'] or 'the workspace'}{pattern}"


def _of(value: Any) -> str:
    return f" the value {condition_text(value)}" if value is not None else ""


def _failure(step: BaseStep) -> str:
    if isinstance(step, DeployStep):
        end = "the run goes on without it" if step.on_error == "continue" else "the run fails"
        return f"It is not tried again: {end}."
    waiting = waiting_failure(step)
    if waiting is not None:
        return waiting
    tries = step.retry.max_attempts
    often = "If it fails" if tries == 1 else f"If it fails {tries} times"
    limit = f" Each try may take {step.timeout_s:g} s." if step.timeout_s is not None else ""
    end = {
        "fail": "the run fails",
        "retry": "the run fails",
        "skip": "it is skipped, with all steps that wait for it",
        "continue": "the run goes on without it",
        "fallback": "another way is looked for, and if there is none the run fails",
    }[step.on_error]
    return f"{often}, {end}.{limit}"


def _results(pipeline: Pipeline) -> Iterator[str]:
    outputs = pipeline.outputs
    if outputs is None:
        yield "  - the run answers with the result of every step"
    elif isinstance(outputs, dict):
        for name, value in outputs.items():
            yield f"  - {name}: {condition_text(value)}"
    else:
        for each in outputs:
            if isinstance(each, OutputPath):
                yield f"  - {each.as_ or each.path}: {each.path}"
            else:
                yield f"  - {each}: the result of step '{each}'"
    yield f"  - files: below {pipeline.workspace_dir or './workspace'}, unless the caller names another directory"
    if any(step.output_to_file for step in pipeline.all_steps):
        yield f"  - files of results: below {pipeline.output_directory or 'outputs'} in that directory"


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
