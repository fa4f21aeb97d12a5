"""Upkeep of a state directory, beside a running node or without one: backup, restore, fsck, vacuum.

contents        what of a state directory is kept, and how each file is read
archive         the backup's format: a tar with a manifest of hashes
meanings        what each file means, by the rules of the part that writes it
exchange        how a restored state and the one that is there change places, and what a kill in between leaves to do
backup, restore, fsck, vacuum, moving
"""

from runtime.upkeep.archive import DamagedBackupError
from runtime.upkeep.backup import Backup, back_up
from runtime.upkeep.exchange import CutOff, Restored, finish_restore
from runtime.upkeep.fsck import check_state
from runtime.upkeep.moving import move_journal
from runtime.upkeep.restore import StateInTheWayError, restore
from runtime.upkeep.vacuum import vacuum_file

__all__ = [
    "Backup",
    "CutOff",
    "DamagedBackupError",
    "Restored",
    "StateInTheWayError",
    "back_up",
    "check_state",
    "finish_restore",
    "move_journal",
    "restore",
    "vacuum_file",
]
