"""How many tokens a question has, as far as that is known before a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from pipelines.language import (
    BaseStep,
    ClaudeSessionStep,
    Scope,
    TemplateError,
    compile_template,
    is_template,
    render_text,
    to_text,
)

from .questions import Question
from .spans import Span, tokens_of, tokens_of_characters

FileSize = Callable[[str], int | None]
_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def written(template: str) -> str:
    """A template without its `{{ }}` and `{% %}`: what its text has at least."""
    return template if not is_template(template) else _MARKUP.sub("", template)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known where a question stands: inputs, constants, sizes of files, and answers of earlier steps."""

    inputs: Mapping[str, JsonValue]
    global_vars: Mapping[str, JsonValue]
    file_size: FileSize
    answers: Mapping[str, Span]

    def size(self, step: BaseStep, question: Question, provider: str, notes: list[str]) -> Span:
        """Tokens of prompt, system text, schema, file and history; what cannot be known goes into `notes`."""
        total = tokens_of(written(question.prompt) + written(question.system), provider)
        for text in (question.prompt, question.system):
            total = total + self._referred(text, provider, notes)
        if question.schema is not None:
            # Some providers take it as text, some apart from it, at a price of their own.
            total = total + Span(0, tokens_of(to_text(question.schema), provider).high)
        if question.file is not None:
            total = total + self._file(question.file, provider, notes)
        if isinstance(step, ClaudeSessionStep):
            most = step.session_config.max_history_characters
            total = total + Span(0, tokens_of_characters(most, provider).high)
            notes.append(f"the conversation before it goes along, up to {most:,} characters")
        return total

    def _referred(self, text: str, provider: str, notes: list[str]) -> Span:
        total = Span()
        if not is_template(text):
            return total
        try:
            compiled = compile_template(text)
        except TemplateError:
            notes.append("a template that cannot be read is not counted")
            return total
        for path in compiled.paths:
            total = total + self._reference(path, provider, notes)
        for file in compiled.files:
            total = total + self._file(file, provider, notes)
        return total

    def _file(self, file: str, provider: str, notes: list[str]) -> Span:
        try:
            file = render_text(file, Scope(inputs=self.inputs, global_vars=self.global_vars))
        except TemplateError:
            notes.append(f"the text of {file} is not counted: only the run knows which file that is")
            return Span()
        characters = self.file_size(file)
        if characters is None:
            notes.append(f"the text of {file} is not counted")
            return Span()
        return tokens_of_characters(characters, provider)

    def _reference(self, path: tuple[str | int, ...], provider: str, notes: list[str]) -> Span:
        root, second = str(path[0]), str(path[1]) if len(path) > 1 else ""
        step = second if root == "steps" else root
        if step in self.answers:
            return Span(0, self.answers[step].high)
        holder = {"inputs": self.inputs, "global_vars": self.global_vars}.get(root)
        name = second if holder is not None else root
        for values in (holder,) if holder is not None else (self.inputs, self.global_vars):
            if name in values and len(path) <= (2 if holder is not None else 1):
                return tokens_of(to_text(values[name]), provider)
        notes.append(f"{'.'.join(str(each) for each in path)} is not counted: only the run has it")
        return Span()


def held_to_its_limit(size: Span, question: Question, window: int | None, notes: list[str]) -> tuple[Span, Span]:
    """The question's size with its `context`, and how many questions for summaries come before it."""
    config = question.context
    limits = [each for each in (config.max_input_tokens, window) if each is not None]
    if not limits:
        return size, Span()
    most = min(limits)
    if config.on_overflow == "fail":
        if size.low > most:
            notes.append(f"fails with context_overflow: more than {most:,} tokens")
        elif size.high > most:
            notes.append(f"may fail with context_overflow: more than {most:,} tokens")
        return size, Span()
    if size.high <= most:
        return size, Span()
    if config.on_overflow == "truncate":
        notes.append(f"cut to {most:,} tokens where it is larger")
        return size.at_most(most), Span()
    # The first round reads the whole text, each further one is smaller by far; twice the first holds all of them.
    calls = Span(0, 2 * -(-size.high // config.summarise_with.chunk_tokens))
    notes.append(f"summed up to {most:,} tokens where it is larger, by up to {calls.high:g} more questions")
    return size.at_most(most), calls
