"""Who hears of an actor's end: links, which may end them too, and monitors, which tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.kernel.exits import ExitReason, Killed, NoProcess, Normal
from actors.kernel.messages import Down, Exit, MonitorRef
from actors.kernel.termination import begin_exit
from actors.kernel.ties import tie, untie

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


def link(one: Cell, other: Cell) -> None:
    """Ties two fates. Linking twice is linking once; linking to a dead actor delivers its exit at once."""
    if one is other or one.status == "dead":
        return
    if other.status == "dead":
        signal_exit(one, other, NoProcess())
        return
    tie(one, other)
    tie(other, one)


def unlink(one: Cell, other: Cell) -> None:
    """Unties both sides; a signal already queued as a message is withdrawn too."""
    were_tied = untie(one, other)
    untie(other, one)
    if one.system and not were_tied:  # as long as they are tied none has been sent
        kept = [m for m in one.system if not (isinstance(m, Exit) and m.sender is other.ref)]
        one.system.clear()
        one.system.extend(kept)


def monitor(watcher: Cell, target: Cell) -> MonitorRef:
    """Starts one monitor: exactly one `Down`, at once when the target is dead."""
    ref = MonitorRef(watcher, target)
    if watcher.status == "dead":  # code that outlived its actor
        return ref
    if target.status == "dead":
        watcher.push_system(Down(ref, target.ref, NoProcess()))
        return ref
    if target.watched_by is None:
        target.watched_by = {}
    if watcher.watching is None:
        watcher.watching = set()
    target.watched_by[ref] = watcher
    watcher.watching.add(ref)
    return ref


def demonitor(watcher: Cell, ref: MonitorRef, *, flush: bool) -> None:
    """Ends a monitor; with `flush` a `Down` that is already queued goes too."""
    target: Cell = ref.target
    waits = target.watched_by is not None and target.watched_by.pop(ref, None) is not None
    if watcher.watching is not None:
        watcher.watching.discard(ref)
    # Only one that waits no more may have its Down queued: thousands of others' may be, and all would be looked at.
    if flush and watcher.system and not waits:
        kept = [m for m in watcher.system if not (isinstance(m, Down) and m.monitor is ref)]
        watcher.system.clear()
        watcher.system.extend(kept)


def signal_exit(receiver: Cell, sender: Cell, reason: ExitReason) -> None:
    """A link's exit signal reaches `receiver` (OTP's rules: trap it, ignore a normal one, or share the fate)."""
    if receiver.reason is not None:
        return
    trapped = receiver.actor_class.trap_exit
    crashes = receiver.kernel.crashes
    if receiver.parent is sender:  # OTP: a parent's end is an order, also for those who trap exits
        crashes.fell(receiver, sender, reason)
        begin_exit(receiver, reason, brutal=isinstance(reason, Killed) and not trapped)
    elif trapped:
        receiver.push_system(Exit(sender.ref, reason))
    elif not isinstance(reason, Normal):
        crashes.fell(receiver, sender, reason)
        begin_exit(receiver, reason)
