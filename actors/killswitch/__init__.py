"""Kill switches applied: a view that every hot path reads, and the board that alone changes it.

Rules (levels, latching, state format) are in `pipelines.guardrails.kill_switch`.
"""

from actors.killswitch.at_work import UNWIND_S, AtWork, Work
from actors.killswitch.board import KillBoard
from actors.killswitch.files import STATE_FILE, TRIGGER_DIRECTORY, KillFiles
from actors.killswitch.messages import (
    ArmSwitch,
    ArmUnauditedError,
    BoardState,
    KillStateUnsaved,
    KillStateUnsavedError,
    Subscribe,
    SwitchArmed,
    SwitchChanged,
    SwitchHeldByFileError,
    SwitchRetriggeredError,
    SwitchState,
    SwitchTriggered,
    Triggered,
    TriggerSwitch,
    UnknownTriggerFile,
    Unsubscribe,
)
from actors.killswitch.view import KillView

__all__ = [
    "STATE_FILE",
    "TRIGGER_DIRECTORY",
    "UNWIND_S",
    "ArmSwitch",
    "ArmUnauditedError",
    "AtWork",
    "BoardState",
    "KillBoard",
    "KillFiles",
    "KillStateUnsaved",
    "KillStateUnsavedError",
    "KillView",
    "Subscribe",
    "SwitchArmed",
    "SwitchChanged",
    "SwitchHeldByFileError",
    "SwitchRetriggeredError",
    "SwitchState",
    "SwitchTriggered",
    "TriggerSwitch",
    "Triggered",
    "UnknownTriggerFile",
    "Unsubscribe",
    "Work",
]
