"""Prompt evolution by rules: an instruction is added, or a sentence is left out.

References (`{{ ... }}`) are never touched, so that the flow of data stays. Evolving prompts by a language model is
another operator's business.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from pipelines.genetics.descent import Definition, Edit, Materials, Operator, edited, shuffled, steps_in
from pipelines.genetics.genome import PROVIDER_TYPES

INSTRUCTIONS: Final = (
    "Answer in at most five sentences.",
    "Name facts only; leave out introductions and repetitions.",
    "Put the most important point first.",
    "Use a short list.",
    "Say what is uncertain.",
    "Keep the words of the text where they matter.",
)


def _edits(definition: Definition, rng: random.Random, _materials: Materials) -> Iterator[Edit]:
    places: list[tuple[tuple[str | int, ...], Definition, str]] = []
    for path, step in steps_in(definition, PROVIDER_TYPES):
        if step["type"] == "parallel_claude":
            for index, task in enumerate(step["parallel_tasks"]):
                places.append(((*path, "parallel_tasks", index), task, f"{step['name']}:{task['id']}"))
        else:
            places.append((path, step, step["name"]))
    for path, holder, name in shuffled(places, rng):
        # Adding and leaving out are equally likely, however many sentences there are.
        for way in shuffled([_added, _left_out], rng):
            for detail, prompt in shuffled(list(_variants(holder["prompt"], way)), rng):
                yield f"{name}: {detail}", edited(definition, path, {"prompt": prompt})


def _variants(prompt: str | list[Any], way: Callable[[str], Iterator[tuple[str, str]]]) -> Iterator[tuple[str, Any]]:
    if isinstance(prompt, str):
        yield from way(prompt)
        return
    for index, part in enumerate(prompt):
        if part["type"] == "static":
            for detail, text in way(part["content"]):
                changed = copy.deepcopy(prompt)
                changed[index]["content"] = text
                yield detail, changed


def _added(text: str) -> Iterator[tuple[str, str]]:
    for instruction in INSTRUCTIONS:
        if instruction not in text:
            yield f"+ {instruction}", f"{text.rstrip()}\n{instruction}"


def _left_out(text: str) -> Iterator[tuple[str, str]]:
    if "{%" in text:
        # Lines between block tags belong together.
        return
    sentences = _sentences(text)
    for index, sentence in enumerate(sentences):
        rest = "".join(sentences[:index] + sentences[index + 1 :])
        if sentence.strip() and "{" not in sentence and "}" not in sentence and rest.strip():
            yield f"- {sentence.strip()[:60]}", rest


def _sentences(text: str) -> list[str]:
    """The text cut after sentence ends and newlines, outside of references; joined again it is the text."""
    pieces: list[str] = []
    for piece in re.split(r"(\{\{.*?\}\})", text, flags=re.DOTALL):
        pieces += [piece] if piece.startswith("{{") else re.split(r"(?<=[.!?]\s)|(?<=\n)", piece)
    merged: list[str] = []
    for piece in pieces:
        # A reference is one sentence with what surrounds it.
        if merged and not re.search(r"([.!?]\s|\n)\Z", merged[-1]):
            merged[-1] += piece
        elif piece:
            merged.append(piece)
    return merged


PROMPT_EVOLUTION: Final = Operator("prompt", _edits)
