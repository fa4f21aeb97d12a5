"""What a prompt asks for, told from its words, and the offline provider's text for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from actors.providers import offline_text as rules

Task = Literal["summary", "keywords", "entities", "template", "points"]

_TASKS: tuple[tuple[Task, tuple[str, ...]], ...] = (
    ("template", ("fill in", "fill the", "complete the template", "template")),
    ("keywords", ("keyword", "key word", "tags", "key terms")),
    ("entities", ("entities", "entity", "named ", "names of", "who is mentioned")),
    ("summary", ("summar", "abstract", "tl;dr", "digest", "shorten", "condense")),
)
_PLACEHOLDER = re.compile(
    r"\{\{ {0,4}([A-Za-z][\w ]{0,60}?) {0,4}\}\}|\{([A-Za-z][\w ]{0,60})\}|\[([A-Z][A-Z_ ]{1,60})\]"
)
_COUNT = re.compile(
    r"\b(\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten)\s+(?:\w+\s+){0,2}?"
    r"(?:sentence|point|bullet|keyword|key word|term|tag|item)s?\b"
)
_NUMERALS = {
    word: at
    for at, word in enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1)
}
_MOST = 20


def split_prompt(prompt: str) -> tuple[str, str]:
    """Instruction and material: the first paragraph or the text up to a colon, when something follows; else the
    whole prompt is both."""
    head, gap, rest = prompt.strip().partition("\n\n")
    if gap and rest.strip() and len(head) <= 1000:
        return head, rest.strip()
    head, colon, rest = prompt.strip().partition(":")
    if colon and rest.strip() and len(head) <= 200 and "\n" not in head and _task(head) is not None:
        return head, rest.strip()
    return prompt.strip(), prompt.strip()


def choose_task(instruction: str, metadata: Mapping[str, Any]) -> Task:
    """`metadata["task"]` when it names one, else what the instruction's words say, else "points"."""
    named = metadata.get("task")
    for task, _ in _TASKS:
        if named == task:
            return task
    return _task(instruction) or "points"


def write(prompt: str, system: str | None, metadata: Mapping[str, Any]) -> tuple[str, Task]:
    """The offline answer to `prompt`, and by which rule it came about. Never empty."""
    instruction, material = split_prompt(prompt)
    task = choose_task(f"{instruction} {system or ''}", metadata)
    count = _asked_count(instruction)
    match task:
        case "template":
            text = _filled(material)
        case "keywords":
            text = ", ".join(rules.keywords(material, count or 8))
        case "entities":
            text = _listed(rules.entities(material))
        case "summary":
            text = " ".join(rules.summarise(material, count or 3))
        case "points":
            text = _points(material, count or 5)
    return text or rules.title(prompt) or "(the prompt holds no words)", task


def _task(instruction: str) -> Task | None:
    lower = instruction.lower()
    return next((task for task, marks in _TASKS if any(mark in lower for mark in marks)), None)


def _asked_count(instruction: str) -> int | None:
    found = _COUNT.search(instruction.lower())
    if found is None:
        return None
    said = found.group(1)
    return min(_MOST, max(1, _NUMERALS.get(said) or int(said)))


def _points(material: str, count: int) -> str:
    found = rules.summarise(material, count)
    return found[0] if len(found) == 1 else "\n".join(f"- {each}" for each in found)


def _listed(found: rules.Entities) -> str:
    kinds = {
        "Names": found.names,
        "Dates": found.dates,
        "Amounts": found.amounts,
        "E-mail": found.emails,
        "Links": found.urls,
    }
    lines = [f"{kind}: {', '.join(values)}" for kind, values in kinds.items() if values]
    return "\n".join(lines) or "No names, dates, amounts or addresses found."


def _filled(material: str) -> str:
    """The material with its placeholders replaced: by a labelled line's value, else by what the name asks for."""
    labels = rules.labels(_PLACEHOLDER.sub("", material))
    body = _PLACEHOLDER.sub(" ", material)

    def value(found: re.Match[str]) -> str:
        name = next(group for group in found.groups() if group)
        folded = rules.fold(name)
        if labels.get(folded):
            return labels[folded]
        if "keyword" in folded or "tag" in folded:
            return ", ".join(rules.keywords(body))
        if "summary" in folded:
            return " ".join(rules.summarise(body, 2))
        if "title" in folded:
            return rules.title(body)
        names = rules.entities(body).names
        return names[0] if "name" in folded and names else f"({name.strip().lower()}: not given)"

    return _PLACEHOLDER.sub(value, material)
