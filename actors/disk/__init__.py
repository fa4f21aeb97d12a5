"""Small files of state, read and replaced whole. Used by the actors that keep one beside the journal."""

from actors.disk.state_file import StateFileError, move_aside, read_whole, replace_whole
from actors.disk.turn import SupersededError, Turn

__all__ = ["StateFileError", "SupersededError", "Turn", "move_aside", "read_whole", "replace_whole"]
