"""The kill switches on the disk: the saved state and the directory of trigger files. Blocking code.

`load` and `triggers` read a few local bytes and may be used on the loop; `save` waits for the disk.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from actors.disk import StateFileError, Turn, read_whole, replace_whole
from pipelines.guardrails import kill_switch
from pipelines.guardrails.kill_switch import Key, KillStateError, Switch, Triggered

STATE_FILE = "kill_switches.json"
TRIGGER_DIRECTORY = "kill"
MAX_STATE_BYTES = 10_000_000
MAX_NOTE_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class TriggerFiles:
    """What lies in the trigger directory: switches to be triggered, and names that are no switch."""

    keys: tuple[Key, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TriggerNote:
    """What a trigger file says of itself: its first line and its owner, both empty where that cannot be read."""

    reason: str
    owner: str


class KillFiles:
    """The files of one node's state directory. Every method but `load` may raise `OSError`."""

    def __init__(self, state_dir: str | Path) -> None:
        self._directory = Path(state_dir)
        self.state_path = self._directory / STATE_FILE
        self.trigger_path = self._directory / TRIGGER_DIRECTORY
        self._unreadable = False

    def prepare(self) -> None:
        """Makes the directories, for the owner only."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.trigger_path.mkdir(mode=0o700, exist_ok=True)

    def turn(self) -> Turn:
        """A turn at the saved state, behind all that were made before. To be made on the loop."""
        return Turn(self.state_path)

    def load(self, at: float, turn: Turn) -> dict[Key, Switch]:
        """The saved state; nothing saved yet is the empty state, a state that cannot be read the node's switch. What a
        killed board with an earlier turn is still writing is not written any more."""
        try:
            text = read_whole(self.state_path, MAX_STATE_BYTES, turn)
            return {} if text is None else kill_switch.parse(text)
        except (OSError, StateFileError, KillStateError) as error:
            self._unreadable = True
            switch = kill_switch.unreadable(f"{self.state_path}: {error}", at)
            return {switch.key: switch}

    def save(self, triggered: Triggered, turn: Turn) -> None:
        """Replaces the saved state as one step: after a crash or power cut the file holds the old state or the new one.

        A state that could not be read is kept beside it as `kill_switches.json.unreadable`.
        """
        content = kill_switch.serialise(triggered).encode("ascii")
        replace_whole(self.state_path, content, turn, keep_former=self._unreadable)
        self._unreadable = False

    def triggers(self) -> TriggerFiles:
        """The trigger files that are there now. A directory that was removed is made again."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.trigger_path))
        except FileNotFoundError:
            self.prepare()
            names = []
        keys: list[Key] = []
        unknown: list[str] = []
        for name in names:
            key = kill_switch.key_of_file(name)
            if key is not None:
                keys.append(key)
            elif not name.startswith("."):
                unknown.append(name.encode(errors="backslashreplace").decode())
        return TriggerFiles(tuple(keys), tuple(unknown))

    def note(self, key: Key) -> TriggerNote:
        """What a person wrote into the trigger file, and who owns it. Never blocks: a pipe or a link is not read."""
        try:
            descriptor = os.open(self.trigger_file(key), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return TriggerNote("", "")
        try:
            facts = os.fstat(descriptor)
            text = os.read(descriptor, MAX_NOTE_BYTES) if stat.S_ISREG(facts.st_mode) else b""
        except OSError:
            return TriggerNote("", "")
        finally:
            os.close(descriptor)
        lines = text.decode("utf-8", "replace").split("\n", 1)
        return TriggerNote("".join(each for each in lines[0] if each.isprintable()).strip(), f"uid {facts.st_uid}")

    def trigger_file(self, key: Key) -> Path:
        """The file whose presence triggers this switch."""
        return self.trigger_path / kill_switch.file_of_key(key)
