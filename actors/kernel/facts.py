"""What an actor says of its own state, made fit to be shown: bounded, scrubbed, and never a reason to fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from actors.kernel.redaction import scrubbed, summary

MOST_FACTS = 40
LONGEST_FACT = 200
MOST_CHARACTERS = 4_000


def plain_facts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The default description: each attribute's type and size, numbers as they are, and no text."""
    return {name.lstrip("_"): summary(value) for name, value in attributes.items()}


def bounded_facts(describe: Callable[[], Mapping[str, object]]) -> dict[str, str]:
    """What `describe` gives, as texts: at most 40 facts, 200 characters a fact, 4,000 in all; keys are replaced."""
    try:
        given = [(str(name), str(value)) for name, value in islice(describe().items(), MOST_FACTS)]
    except Exception as error:  # noqa: BLE001 - foreign code; its actor must not crash because somebody looks
        return {"not described": f"describe raised {type(error).__name__}"}
    facts: dict[str, str] = {}
    left = MOST_CHARACTERS
    for name, value in given:
        name_shown, value_shown = scrubbed(name, 60), scrubbed(value, LONGEST_FACT)
        left -= len(name_shown) + len(value_shown)
        if left < 0:
            break
        facts[name_shown] = value_shown
    return facts
