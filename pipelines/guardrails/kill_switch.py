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

from msgspec import Struct

FORMAT_VERSION = 1
MAX_NAME = 200
_BAD_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")
_SLASH_IN_FILE = "%2F"  # of `step.PIPELINE%2FSTEP`: a file's name has no slash


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
    """How much a switch stops, the widest first: everything; all work of one tenant (the user who asked for it); all
    breeding and what its organisms run; one pipeline by name; all calls of one provider; steps of one type or one step
    of a pipeline (`TYPE` or `PIPELINE/STEP`)."""

    NODE = "node"
    TENANT = "tenant"
    EVOLUTION = "evolution"
    PIPELINE = "pipeline"
    PROVIDER = "provider"
    STEP = "step"


NAMELESS = frozenset({Level.NODE, Level.EVOLUTION})
"""Levels of which a node has one switch only."""

Key = tuple[Level, str]


class StepMark(Struct, frozen=True):
    """A step as switches know it: the pipeline it is written in, its name there, its type."""

    pipeline: str
    name: str
    type: str


class Subject(Struct, frozen=True):
    """On whose behalf work is done, besides its pipelines. `steps` are the step itself and the steps it is part of."""

    tenant: str = ""
    evolution: bool = False
    steps: tuple[StepMark, ...] = ()


NOBODY = Subject()


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
    """The switch as a person writes it: `node`, `evolution`, or the level and the name."""
    level, name = key
    return str(level) if level in NAMELESS else f"{level} {name}"


def key_of(level: str, name: str) -> Key:
    """The checked key of a switch; raises `InvalidSwitchError` with what was expected."""
    try:
        checked = Level(level)
    except ValueError:
        expected = ", ".join(Level)
        raise InvalidSwitchError(f"no kill switch level {level!r}; expected one of {expected}") from None
    if checked in NAMELESS:
        if name:
            what = "the node's" if checked is Level.NODE else f"the {checked}"
            raise InvalidSwitchError(f"{what} kill switch has no name; got {name!r}")
        return (checked, name)
    parts = name.split("/", 1) if checked is Level.STEP else [name]
    if not all(part and len(part) <= MAX_NAME and not _BAD_IN_NAME.search(part) for part in parts):
        more = ", or PIPELINE/STEP" if checked is Level.STEP else ""
        raise InvalidSwitchError(
            f"{name!r} cannot name a {checked}; expected 1 to {MAX_NAME} characters without "
            f"slashes, control characters or broken Unicode{more}"
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


def blocked(
    triggered: Triggered, pipeline: str | None, provider: str | None, subject: Subject = NOBODY
) -> Switch | None:
    """The switch that forbids this work, the widest first; None when it may go on."""
    if not triggered:
        return None
    return next((found for key in _keys(pipeline, provider, subject) if (found := triggered.get(key))), None)


def _keys(pipeline: str | None, provider: str | None, subject: Subject) -> Iterable[Key]:
    yield (Level.NODE, "")
    if subject.tenant:
        yield (Level.TENANT, subject.tenant)
    if subject.evolution:
        yield (Level.EVOLUTION, "")
    if pipeline is not None:
        yield (Level.PIPELINE, pipeline)
    if provider is not None:
        yield (Level.PROVIDER, provider)
    for step in subject.steps:
        yield (Level.STEP, step.type)
        yield (Level.STEP, f"{step.pipeline}/{step.name}")


def covers(key: Key, pipelines: Iterable[str], provider: str | None, subject: Subject) -> bool:
    """Whether this one switch forbids the work: what `blocked` says of it for any of the pipelines."""
    level, name = key
    match level:
        case Level.NODE:
            return True
        case Level.TENANT:
            return subject.tenant == name
        case Level.EVOLUTION:
            return subject.evolution
        case Level.PIPELINE:
            return name in pipelines
        case Level.PROVIDER:
            return provider == name
        case Level.STEP:
            pipeline, slash, step = name.partition("/")
            if slash:
                return any(each.name == step and each.pipeline == pipeline for each in subject.steps)
            return any(each.type == name for each in subject.steps)


def holds_steps(triggered: Triggered) -> bool:
    """Whether a switch of the level "step" is in force."""
    return any(level is Level.STEP for level, _ in triggered)


def unreadable(problem: str, at: float) -> Switch:
    """The node-level switch that stands for a state nobody can read."""
    return Switch(Level.NODE, "", f"the kill switch state cannot be read: {problem}", "evopipe", at)


def key_of_file(name: str) -> Key | None:
    """The switch that a trigger file of this name stands for: `node`, `evolution`, `LEVEL.NAME`.

    The slash of a step's name is written `%2F`. None for any other name.
    """
    level, _, rest = name.partition(".")
    if level == Level.STEP:
        rest = rest.replace(_SLASH_IN_FILE, "/", 1)
    try:
        return key_of(level, rest)
    except InvalidSwitchError:
        return None


def file_of_key(key: Key) -> str:
    """The name of the trigger file of this switch."""
    level, name = key
    return str(level) if level in NAMELESS else f"{level}.{name.replace('/', _SLASH_IN_FILE)}"


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
