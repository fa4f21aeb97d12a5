"""The kill switches on the disk: the saved state and the directory of trigger files. Blocking code.

`load` and `triggers` read a few local bytes and may be used on the loop; `save` waits for the disk.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.guardrails import kill_switch
from pipelines.guardrails.kill_switch import Key, KillStateError, Switch, Triggered

STATE_FILE = "kill_switches.json"
TRIGGER_DIRECTORY = "kill"
MAX_STATE_BYTES = 10_000_000

# A save that a crashed board left behind must not share its temporary file with the next one's.
_saves = itertools.count(1)


@dataclass(frozen=True, slots=True)
class TriggerFiles:
    """What lies in the trigger directory: switches to be triggered, and names that are no switch."""

    keys: tuple[Key, ...]
    unknown: tuple[str, ...]


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

    def load(self, at: float) -> dict[Key, Switch]:
        """The saved state; nothing saved yet is the empty state, a state that cannot be read the node's switch."""
        try:
            with self.state_path.open("rb") as file:
                text = file.read(MAX_STATE_BYTES + 1)
            if len(text) > MAX_STATE_BYTES:
                raise KillStateError(f"larger than {MAX_STATE_BYTES} bytes")
            return kill_switch.parse(text)
        except FileNotFoundError:
            return {}
        except (OSError, KillStateError) as error:
            self._unreadable = True
            switch = kill_switch.unreadable(f"{self.state_path}: {error}", at)
            return {switch.key: switch}

    def save(self, triggered: Triggered) -> None:
        """Replaces the saved state as one step: after a crash or power cut the file holds the old state or the new one.

        A state that could not be read is kept beside it as `kill_switches.json.unreadable`.
        """
        if self._unreadable and self.state_path.exists():
            self.state_path.replace(self.state_path.with_suffix(".json.unreadable"))
        temporary = self._directory / f".{STATE_FILE}.{next(_saves)}.new"
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(kill_switch.serialise(triggered))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.state_path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        self._sync_directory()
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

    def trigger_file(self, key: Key) -> Path:
        """The file whose presence triggers this switch."""
        return self.trigger_path / kill_switch.file_of_key(key)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
