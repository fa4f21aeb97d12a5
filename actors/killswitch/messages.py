"""What the KillBoard takes, replies and sends. Levels and names are those of `pipelines.guardrails.kill_switch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors.kernel import ActorRef
from pipelines.guardrails.kill_switch import KillSwitchError, Switch


class SwitchHeldByFileError(KillSwitchError):
    """Arming is refused while the trigger file exists (or cannot be looked for); the text names the file."""

    code = "switch_held_by_file"


class SwitchRetriggeredError(KillSwitchError):
    """The switch was triggered again while it was being armed, and stays triggered."""

    code = "switch_retriggered"


class KillStateUnsavedError(KillSwitchError):
    """The new state could not be written, so the switch was not armed and stays triggered."""

    code = "kill_state_unsaved"


class ArmUnauditedError(KillSwitchError):
    """Arming could not be noted in the audit log, so the switch was not armed and stays triggered."""

    code = "arm_unaudited"


@dataclass(frozen=True, slots=True)
class TriggerSwitch:
    """Triggers a switch. In force before the reply; replies `Triggered`. A switch in force stays as it was.

    Fails with `InvalidSwitchError` for an unknown level or a name that level cannot have.
    """

    level: str
    name: str = ""
    reason: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class Triggered:
    """The switch that is in force. With `saved` false, `problem` says why the state could not be written: it
    is in force all the same, but would be forgotten if the node ended now; saving is tried again."""

    switch: Switch
    saved: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ArmSwitch:
    """Makes a triggered switch ready again, once that is on the disk; replies the `Switch` it lifted.

    Fails with `NotTriggeredError`, `SwitchHeldByFileError`, `SwitchRetriggeredError`, `KillStateUnsavedError`,
    `ArmUnauditedError` or `InvalidSwitchError`, and the switch then stays as it is.
    """

    level: str
    name: str = ""
    reason: str = ""
    who: str = ""


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Asks for a `BoardState`."""


@dataclass(frozen=True, slots=True)
class BoardState:
    """What is in force, and what is wrong with keeping it: the last failure to save or to look at the trigger files."""

    triggered: tuple[Switch, ...]
    saved: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscribe:
    """From now on `ref` gets a `SwitchChanged` at each change, and one at once if a switch is in force. One that the
    view has as a listener to armings only stays that, and is told nothing now.

    Ends with the subscriber, or by `Unsubscribe`; survives a restart of the board.
    """

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ends a subscription; unknown ones are no error."""

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class SwitchChanged:
    """Sent to subscribers: all switches in force now."""

    triggered: tuple[Switch, ...]


@dataclass(frozen=True, slots=True)
class SwitchTriggered:
    """Published on the kernel's events when a switch comes into force."""

    switch: Switch


@dataclass(frozen=True, slots=True)
class SwitchArmed:
    """Published on the kernel's events when a switch was lifted."""

    switch: Switch
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class KillStateUnsaved:
    """Published on the kernel's events when the state could not be written; `problem` names file and cause."""

    problem: str


@dataclass(frozen=True, slots=True)
class UnknownTriggerFile:
    """Published once for a file in the kill directory that names no switch: a typing mistake must not go unseen."""

    path: str
