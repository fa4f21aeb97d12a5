"""The KillBoard: the one that triggers and arms kill switches, and keeps them over restarts.

A trigger is in force, and what it covers is cut off, before anything is waited for; saving, telling and replying come
after. Arming goes
the other way: the disk first, then the view. So whatever fails in between, work stays stopped.

Failure: a state that cannot be saved is reported in the reply, in `SwitchState` and as `KillStateUnsaved`, and saved
again until it is. A board that crashes is restarted by its supervisor; the view and its subscribers live on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, assert_never

from actors.kernel import Actor, Down
from actors.killswitch.audience import Audience
from actors.killswitch.files import KillFiles
from actors.killswitch.messages import (
    ArmSwitch,
    BoardState,
    KillStateUnsaved,
    KillStateUnsavedError,
    Subscribe,
    SwitchArmed,
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
from pipelines.guardrails import kill_switch
from pipelines.guardrails.kill_switch import Key, KillSwitchError, Level, Switch, label

_POLL_S = 0.05  # a file is in force within 100 ms: a look takes microseconds
_UNREADABLE_S = 0.75  # a directory that cannot be read for so long counts as "stop"
_SAVE_AGAIN_S = 0.2
_MAX_UNKNOWN_FILES = 1_000


class _Poll:
    """The board's own tick."""


Message = TriggerSwitch | ArmSwitch | SwitchState | Subscribe | Unsubscribe | Down | _Poll


class KillBoard(Actor):
    """Answers `TriggerSwitch`, `ArmSwitch`, `SwitchState`, `Subscribe`, `Unsubscribe`.

    `poll_s` is how often trigger files are looked for, `save_wait_s` how long a reply waits for the disk.
    `note_arming` is asked before a switch is lifted; what it raises is the refusal.
    """

    expected_errors = (KillSwitchError,)

    def __init__(
        self,
        state_dir: str | Path,
        view: KillView,
        *,
        poll_s: float = _POLL_S,
        save_wait_s: float = 5.0,
        note_arming: Callable[[Switch, ArmSwitch], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self._files = KillFiles(state_dir)
        self._view = view
        self._replace, subscribers = view.writer()
        self._audience = Audience(self, subscribers)
        self._note_arming = note_arming
        self._poll_s = poll_s
        self._save_wait_s = save_wait_s
        self._version = 0  # of the state that should be on the disk
        self._saved_version = 0
        self._saving: asyncio.Task[Any] | None = None
        self._save_problem = ""
        self._look_problem = ""
        self._unreadable_since: float | None = None
        self._save_failed_at = 0.0
        self._arming: set[Key] = set()  # lifted on the disk already, in force until that is certain
        self._noting: Key | None = None  # its arming is being noted; None again when it is triggered meanwhile
        self._one_arm = asyncio.Lock()
        self._unknown_files: set[str] = set()

    def on_start(self) -> None:
        before = self._view.state
        saved = self._files.load(self.kernel.clock.wall(), self._files.turn())
        self._replace({**saved, **before})
        self._view.at_work.cut(self._view.triggered)  # a board that crashed over it has left some
        for switch in self._view.triggered:
            if switch.key not in before:
                self.kernel.events.publish(SwitchTriggered(switch))
        if not before.keys() <= saved.keys():
            self._changed()
        self._audience.watch_all()
        self._audience.tell(self._view.triggered)
        self._look(patience_s=0.0)  # one failed look is enough: nothing has begun yet that stopping could harm
        self.tell_every(self._poll_s, _Poll())

    async def on_stop(self) -> None:
        await self._wait_for_disk()  # or the older state that it writes could be the last
        if self._saved_version < self._version or self._arming:
            with contextlib.suppress(OSError):  # reported already, and there is no later poll to try again
                await asyncio.to_thread(self._files.save, self._view.state, self._files.turn())

    def on_receive(self, message: Message) -> Any:
        match message:
            case TriggerSwitch():
                switch = self._trip(kill_switch.key_of(message.level, message.name), message.reason, message.who)
                return self.defer(self._answer_trigger(switch, self._version))
            case ArmSwitch():
                key = kill_switch.key_of(message.level, message.name)
                return self.defer(self._arm(key, message))
            case SwitchState():
                problems = tuple(text for text in (self._save_problem, self._look_problem) if text)
                return BoardState(self._view.triggered, self._saved_version == self._version, problems)
            case Subscribe():
                self._audience.add(message.ref, self._view.triggered)
            case Unsubscribe():
                self._audience.forget(message.ref)
            case Down():
                self._audience.down(message.ref)
            case _Poll():
                self._poll()
            case _:
                assert_never(message)
        return None

    # ---- triggering ------------------------------------------------------------------------------------

    def _trip(self, key: Key, reason: str, who: str) -> Switch:
        known = self._view.state.get(key)
        if known is not None:
            if key == self._noting:
                self._noting = None
            if key in self._arming:
                self._arming.discard(key)
                self._changed()
            return known
        switch = Switch(key[0], key[1], reason, who or "unknown", self.kernel.clock.wall())
        # Its turn is the next one, ahead of the thousands that end by the cut: it finds the new state.
        self._changed()
        self._replace(kill_switch.trigger(self._view.state, switch))
        self._audience.tell_of_trigger(self._view.triggered)
        self.kernel.events.publish(SwitchTriggered(switch))
        return switch

    async def _answer_trigger(self, switch: Switch, version: int) -> Triggered:
        await self._wait_for_disk()
        saved = self._saved_version >= version
        return Triggered(switch, saved, "" if saved else self._unsaved())

    # ---- arming ----------------------------------------------------------------------------------------

    async def _arm(self, key: Key, message: ArmSwitch) -> Switch:
        async with self._one_arm:
            switch = self._view.state.get(key)
            kill_switch.arm(self._view.state, key)
            assert switch is not None
            self._refuse_while_file_exists(key)
            await self._note_it(switch, message)
            self._arming.add(key)
            self._changed()
            version = self._version
            try:
                await self._wait_for_disk()
            except asyncio.CancelledError:  # its caller gave up: what nobody was told must not be so after a restart
                if key in self._arming:
                    self._arming.discard(key)
                    self._changed()
                raise
            if key not in self._arming:
                raise SwitchRetriggeredError(
                    f"the kill switch {label(key)} was triggered again while it was being armed"
                )
            self._arming.discard(key)
            if self._saved_version < version:
                self._changed()
                raise KillStateUnsavedError(f"the kill switch {label(key)} stays triggered: {self._unsaved()}")
            self._replace(kill_switch.arm(self._view.state, key))
        self._audience.tell(self._view.triggered)
        self.kernel.events.publish(SwitchArmed(switch, message.reason, message.who or "unknown"))
        return switch

    async def _note_it(self, switch: Switch, message: ArmSwitch) -> None:
        if self._note_arming is None:
            return
        self._noting = switch.key
        try:
            await self._note_arming(switch, message)
            if self._noting != switch.key:
                raise SwitchRetriggeredError(
                    f"the kill switch {label(switch.key)} was triggered again while it was being armed"
                )
        finally:
            self._noting = None

    def _refuse_while_file_exists(self, key: Key) -> None:
        path = self._files.trigger_file(key)
        try:
            held = key in self._files.triggers().keys
        except OSError as error:
            raise SwitchHeldByFileError(f"cannot look for the trigger file {path}: {error}; mend that first") from error
        if held:
            raise SwitchHeldByFileError(f"the trigger file {path} still exists; remove it, then arm again")

    # ---- the disk --------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._version += 1
        self._start_saving()

    def _start_saving(self) -> None:
        if self._saving is None or self._saving.done():
            self._saving = self.spawn_task(self._save())

    async def _save(self) -> None:
        while self._saved_version < self._version:
            version = self._version
            state = {key: s for key, s in self._view.state.items() if key not in self._arming}
            try:
                await asyncio.to_thread(self._files.save, state, self._files.turn())
            except OSError as error:
                problem = f"{self._files.state_path} cannot be written: {error.strerror or error}"
                if problem != self._save_problem:
                    self._save_problem = problem
                    self.kernel.events.publish(KillStateUnsaved(problem))
                self._save_failed_at = self.kernel.clock.now()
                if version == self._version:
                    return  # until a later poll; a newer state gets its own attempt
                continue
            self._saved_version = version
            self._save_problem = ""

    async def _wait_for_disk(self) -> None:
        if self._saving is not None and not self._saving.done():
            await asyncio.wait({self._saving}, timeout=self._save_wait_s)

    def _unsaved(self) -> str:
        waited = f"{self._files.state_path} was not written within {self._save_wait_s:g} s"
        return self._save_problem or waited

    # ---- trigger files ---------------------------------------------------------------------------------

    def _poll(self) -> None:
        self._look()
        if self._saved_version < self._version and self.kernel.clock.now() - self._save_failed_at >= _SAVE_AGAIN_S:
            self._start_saving()
        self._audience.tell_untold(self._view.triggered)
        self._view.at_work.kill_overdue(self.kernel.clock.now())

    def _look(self, patience_s: float = _UNREADABLE_S) -> None:
        """Looks on the loop, not through a thread pool: it takes microseconds, and a pool that is busy must not delay a
        kill switch."""
        try:
            found = self._files.triggers()
        except OSError as error:
            self._look_problem = f"{self._files.trigger_path} cannot be read: {error.strerror or error}"
            now = self.kernel.clock.now()
            since = self._unreadable_since = now if self._unreadable_since is None else self._unreadable_since
            if now - since >= patience_s:
                self._trip((Level.NODE, ""), self._look_problem, "evopipe")
            return
        self._unreadable_since = None
        self._look_problem = ""
        for key in found.keys:
            if key not in self._view.state or key in self._arming or key == self._noting:
                note = self._files.note(key)
                file = f"trigger file {self._files.trigger_file(key)}"
                why = f"{note.reason} ({file})" if note.reason else file
                self._trip(key, why, f"file of {note.owner}" if note.owner else "file")
        for name in found.unknown:
            if name not in self._unknown_files and len(self._unknown_files) < _MAX_UNKNOWN_FILES:
                self._unknown_files.add(name)
                self.kernel.events.publish(UnknownTriggerFile(str(self._files.trigger_path / name)))
