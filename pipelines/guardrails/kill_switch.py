"""Kill switches as values: which are triggered, what they block, how the state is written and read.

A switch is latched: once triggered it stays so until a person arms it again, whatever happens to the node.
The state is fail-closed: a text that cannot be understood counts as "the whole node is triggered".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

FORMAT_VERSION = 1
MAX_NAME = 200
_BAD_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")


class KillSwitchError(Exception):
    """The base of this module's errors.

    KillSwitchError
    ├── InvalidSwitchError    no such level, or a name that the level cannot have
    ├── NotTriggeredError     there is nothing to arm
    └── KillStateError        a saved state that cannot be understood
    """

    code = "kill_switch"


class InvalidSwitchError(KillSwitchError):
    """The level or the name is not one a switch can have."""

    code = "invalid_switch"


class NotTriggeredError(KillSwitchError):
    """The switch to arm is not triggered."""

    code = "not_triggered"


class KillStateError(KillSwitchError):
    """The saved state cannot be understood; treat the node as triggered."""

    code = "kill_state"


class Level(StrEnum):
    """How much a switch stops: everything, one pipeline by name, or all calls of one provider."""

    NODE = "node"
    PIPELINE = "pipeline"
    PROVIDER = "provider"


Key = tuple[Level, str]


@dataclass(frozen=True, slots=True)
class Switch:
    """One triggered switch. `at` is Unix time in seconds, `who` the person, file or part that did it."""

    level: Level
    name: str
    reason: str
    who: str
    at: float

    @property
    def key(self) -> Key:
        return (self.level, self.name)

    def __str__(self) -> str:
        what = label(self.key)
        return f"kill switch {what} triggered by {self.who}: {self.reason or 'no reason given'}"


Triggered = Mapping[Key, Switch]
"""The switches in force, by level and name. Empty: nothing is blocked."""


def label(key: Key) -> str:
    """The switch as a person writes it: `node`, `pipeline NAME` or `provider NAME`."""
    level, name = key
    return str(level) if level is Level.NODE else f"{level} {name}"


def key_of(level: str, name: str) -> Key:
    """The checked key of a switch; raises `InvalidSwitchError` with what was expected."""
    try:
        checked = Level(level)
    except ValueError:
        expected = ", ".join(Level)
        raise InvalidSwitchError(f"no kill switch level {level!r}; expected one of {expected}") from None
    if checked is Level.NODE:
        if name:
            raise InvalidSwitchError(f"the node's kill switch has no name; got {name!r}")
    elif not name or len(name) > MAX_NAME or _BAD_IN_NAME.search(name):
        raise InvalidSwitchError(
            f"{name!r} cannot name a {checked}; expected 1 to {MAX_NAME} characters without "
            "slashes, control characters or broken Unicode"
        )
    return (checked, name)


def trigger(triggered: Triggered, switch: Switch) -> dict[Key, Switch]:
    """The state with the switch in force. The first trigger of a switch stays, with its reason and time."""
    return {**triggered, switch.key: triggered.get(switch.key, switch)}


def arm(triggered: Triggered, key: Key) -> dict[Key, Switch]:
    """The state with the switch ready again; raises `NotTriggeredError` when it is not triggered."""
    if key not in triggered:
        held = ", ".join(label(known) for known in triggered) or "none"
        raise NotTriggeredError(f"the kill switch {label(key)} is not triggered; triggered are: {held}")
    return {known: switch for known, switch in triggered.items() if known != key}


def blocked(triggered: Triggered, pipeline: str | None, provider: str | None) -> Switch | None:
    """The switch that forbids this work, the widest first; None when it may go on."""
    if not triggered:
        return None
    switch = triggered.get((Level.NODE, ""))
    if switch is None and pipeline is not None:
        switch = triggered.get((Level.PIPELINE, pipeline))
    if switch is None and provider is not None:
        switch = triggered.get((Level.PROVIDER, provider))
    return switch


def unreadable(problem: str, at: float) -> Switch:
    """The node-level switch that stands for a state nobody can read."""
    return Switch(Level.NODE, "", f"the kill switch state cannot be read: {problem}", "evopipe", at)


def key_of_file(name: str) -> Key | None:
    """The switch that a trigger file of this name stands for: `node`, `pipeline.NAME`, `provider.NAME`.

    None for any other name.
    """
    level, _, rest = name.partition(".")
    try:
        return key_of(level, rest)
    except InvalidSwitchError:
        return None


def file_of_key(key: Key) -> str:
    """The name of the trigger file of this switch."""
    level, name = key
    return str(level) if level is Level.NODE else f"{level}.{name}"


def serialise(triggered: Triggered) -> str:
    """The state as JSON text, to be read by `parse`."""
    listed = [
        {
            "level": str(switch.level),
            "name": switch.name,
            "reason": switch.reason,
            "who": switch.who,
            "at": switch.at,
        }
        for switch in triggered.values()
    ]
    return json.dumps({"version": FORMAT_VERSION, "triggered": listed}, indent=2) + "\n"


def parse(text: str | bytes) -> dict[Key, Switch]:
    """The saved state; raises `KillStateError` for anything that `serialise` would not have written."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KillStateError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise KillStateError("expected an object with 'version' and 'triggered'")
    fields = cast("dict[str, Any]", document)
    if fields.get("version") != FORMAT_VERSION:
        raise KillStateError(f"expected version {FORMAT_VERSION}, found {fields.get('version')!r}")
    listed = fields.get("triggered")
    if not isinstance(listed, list):
        raise KillStateError("'triggered' is not a list")
    return {switch.key: switch for switch in _switches(cast("list[Any]", listed))}


def _switches(listed: list[Any]) -> Iterable[Switch]:
    for number, entry in enumerate(listed):
        match entry:
            case {
                "level": str(level),
                "name": str(name),
                "reason": str(reason),
                "who": str(who),
                "at": int() | float() as at,
            }:
                try:
                    checked, name = key_of(level, name)
                except InvalidSwitchError as error:
                    raise KillStateError(f"triggered[{number}]: {error}") from error
                yield Switch(checked, name, reason, who, float(at))
            case _:
                raise KillStateError(f"triggered[{number}] lacks level, name, reason, who or at")
