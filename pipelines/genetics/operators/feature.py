"""Feature insertion: a capability from a successful genome, or one from the catalogue.

A catalogue feature slips in behind a step: the step becomes `<name>_draft` and a new step of its old name works on
the draft, so that everything that reads the name reads the improved answer.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, Final

from pipelines.genetics.descent import Definition, Edit, Materials, Operator, edited, shuffled, steps_in
from pipelines.genetics.genome import PROVIDER_TYPES
from pipelines.language import dependencies, to_data

_TEXT_TYPES: Final = frozenset({"claude", "claude_smart", "gemini"})
_FEATURES: Final = {
    "review": "Correct mistakes in the draft below and keep what is right.\n\n{draft}",
    "condense": "Say the following in half the words without losing a fact.\n\n{draft}",
}
_ROBUST_RETRY: Final = {"max_attempts": 5, "backoff": "exponential", "base_delay_s": 0.5, "max_delay_s": 30.0}
_MOVED_TO_THE_END: Final = ("output_to_file", "streaming")


def _edits(definition: Definition, rng: random.Random, materials: Materials) -> Iterator[Edit]:
    offers = [*_transplants(definition, materials), *_catalogue(definition)]
    yield from shuffled(offers, rng)


def _transplants(definition: Definition, materials: Materials) -> Iterator[Edit]:
    own = {step["name"]: index for index, step in enumerate(definition["steps"])}
    for donor in materials.donors:
        graph = dependencies(donor.pipeline)
        given: dict[str, Any] = {step["name"]: step for step in to_data(donor.pipeline)["steps"]}  # pyright: ignore
        for name, step in given.items():
            if name in own:
                continue
            changed = copy.deepcopy(definition)
            readers = [reader for reader, waits in graph.items() if name in waits and reader in own]
            for reader in readers:
                changed["steps"][own[reader]] = copy.deepcopy(given[reader])
            at = min((own[reader] for reader in readers), default=len(own))
            changed["steps"].insert(at, copy.deepcopy(step))
            yield f"{name} of {donor.id[:12]}", changed


def _catalogue(definition: Definition) -> Iterator[Edit]:
    names = {step["name"] for _, step in steps_in(definition, frozenset(_all_types(definition)))}
    for index, step in enumerate(definition["steps"]):
        draft = f"{step['name']}_draft"
        if step["type"] not in _TEXT_TYPES or step.get("schema") or draft in names or len(draft) > 100:
            continue
        for feature, prompt in _FEATURES.items():
            yield f"{feature} after {step['name']}", _behind(definition, index, draft, prompt)
    for path, step in steps_in(definition, PROVIDER_TYPES):
        if "retry" not in step:
            yield f"robust retry of {step['name']}", edited(definition, path, {"retry": dict(_ROBUST_RETRY)})


def _behind(definition: Definition, index: int, draft: str, prompt: str) -> Definition:
    changed = copy.deepcopy(definition)
    old = changed["steps"][index]
    new: Definition = {
        "name": old["name"],
        "type": old["type"],
        "prompt": prompt.replace("{draft}", f"{{{{steps.{draft}.result}}}}"),
    }
    for key in ("provider", "model", "condition"):
        if key in old:
            new[key] = copy.deepcopy(old[key])
    for key in _MOVED_TO_THE_END:
        if key in old:
            new[key] = old.pop(key)
    old["name"] = draft
    changed["steps"].insert(index + 1, new)
    return changed


def _all_types(definition: Definition) -> set[str]:
    found: set[str] = set()
    waiting: list[Definition] = list(definition["steps"])
    while waiting:
        step = waiting.pop()
        found.add(step["type"])
        if step["type"] == "for_loop":
            waiting += step["steps"]
    return found


FEATURE_INSERTION: Final = Operator("feature", _edits)
