"""The parts of a rendered prompt: those that the file lists; in a template what is written and what it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipelines.context.parts import PRIORITIES, ContextPart, Kind, joined
from pipelines.language import (
    ClaudeContinuePart,
    FilePart,
    LanguageError,
    Missing,
    PreviousResponsePart,
    PromptPart,
    Scope,
    StaticPart,
    compile_template,
    prompt_text,
    render_text,
    to_text,
)


def pieces_of(template: str, parts: Sequence[PromptPart], scope: Scope, rendered: str) -> tuple[ContextPart, ...]:
    """What `rendered` (the prompt's text) is made of; `joined` gives it back, always.

    A prompt whose parts cannot be told from its text, such as one with a loop in it, is one part.
    """
    try:
        found = tuple(_of_parts(parts, scope)) if parts else tuple(_of_template(template, scope, "prompt"))
    except LanguageError:
        found = ()
    return found if joined(found) == rendered else (ContextPart("prompt", rendered),)


def _of_parts(parts: Sequence[PromptPart], scope: Scope) -> Iterator[ContextPart]:
    for index, part in enumerate(parts):
        glue = "\n" if index < len(parts) - 1 else ""
        name = f"prompt[{index}]"
        pieces: list[ContextPart] = []
        template = prompt_text([part.model_dump(mode="json")])
        if isinstance(part, StaticPart) and part.priority is None and part.max_tokens is None:
            pieces = list(_of_template(template, scope, name))
        if not pieces:
            kind, told = _kind(part)
            priority = PRIORITIES[kind] if part.priority is None else part.priority
            text = render_text(template, scope)
            pieces = [ContextPart(f"{name}{told}", text, kind, priority, part.max_tokens)]
        yield from pieces[:-1]
        yield replace(pieces[-1], glue=glue)


def _kind(part: PromptPart) -> tuple[Kind, str]:
    match part:
        case StaticPart() | ClaudeContinuePart():
            return "instruction", ""
        case FilePart():
            return "material", f" (file {part.path})"
        case PreviousResponsePart():
            return "material", f" (steps.{part.step}{'.' + part.extract if part.extract else ''})"
        case _:
            return "material", ""


def _of_template(template: str, scope: Scope, name: str) -> Iterator[ContextPart]:
    """What is written is an instruction, what an expression gives is material; nothing where that cannot be told."""
    segments = compile_template(template).segments
    for segment in segments or ():
        if isinstance(segment, str):
            yield ContextPart(name, segment)
            continue
        value = scope.find(segment)
        if isinstance(value, Missing):
            return
        told = ".".join(str(each) for each in segment)
        yield ContextPart(f"{name} ({told})", to_text(value), "material", PRIORITIES["material"])
