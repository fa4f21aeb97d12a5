"""Why an actor ended. One meaning everywhere: a crash is an exit with a reason, whichever hook it came from.

ExitReason
├─ Normal      ended by itself or by `stop`
├─ Shutdown    told to end by its supervisor, with an optional term
├─ Killed      ended at once by `kill`; `on_stop` did not run
├─ NoProcess   was not there when somebody asked (links and monitors of dead actors)
└─ Crashed     an exception left a handler or hook
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Normal:
    """The actor ended because its work was done or somebody called `stop`."""

    def __str__(self) -> str:
        return "normal"


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The actor was told to end. `term` says by what or why, as `{shutdown, Term}` does in OTP.

    `chain`, of a supervisor that gave up: what it gave up over, from itself down to the crash that began it.
    """

    term: str | None = None
    chain: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return "shutdown" if self.term is None else f"shutdown: {self.term}"


@dataclass(frozen=True, slots=True)
class Killed:
    """The actor was killed; nothing of its own ran after that."""

    def __str__(self) -> str:
        return "killed"


@dataclass(frozen=True, slots=True)
class NoProcess:
    """There was no such actor (any more)."""

    def __str__(self) -> str:
        return "no process"


@dataclass(frozen=True, slots=True, eq=False)
class Crashed:
    """An exception ended the actor. Two crashes are equal when they carry the same exception object."""

    exception: BaseException

    def __str__(self) -> str:
        try:
            text = str(self.exception)
        except Exception:  # noqa: BLE001 - foreign code; whoever asks for a reason must not crash over it
            text = "(it has no text)"
        return f"crashed: {type(self.exception).__name__}: {text}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Crashed) and other.exception is self.exception

    def __hash__(self) -> int:
        return hash(("crashed", id(self.exception)))


ExitReason = Normal | Shutdown | Killed | NoProcess | Crashed


def is_abnormal(reason: ExitReason) -> bool:
    """Tells whether a `transient` child with this exit is restarted (OTP: all but normal and shutdown)."""
    return not isinstance(reason, Normal | Shutdown)
