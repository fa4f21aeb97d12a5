"""`CoreBinder` binds the loop's thread and the actors' own threads to one core while they are quicker so.

Failure: it changes nothing but where threads run. Where the system does not tell what it must know, has one core only,
or refuses, they run where the system puts them. When it ends, in whatever way, they do so again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import astuple

from actors.host.placement import Placement, Sample
from actors.kernel import Actor
from actors.kernel.cores import cores_here, stay_on

try:
    import resource
except ImportError:  # not a Unix: it has no choice of cores either
    resource = None

INTERVAL_S = 0.25
_SCHEDSTAT = Path("/proc/thread-self/schedstat")
_STAT = Path("/proc/thread-self/stat")
_PROCESSOR = 36  # the 39th field of proc(5), counted behind the name, which is the second


class _Tick:
    """Time to look again."""


def counters() -> Sample | None:
    """What the calling thread has done since its start, but for `wall_s`, which begins anywhere. None where the system
    does not tell."""
    try:
        delayed = int(_SCHEDSTAT.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    if resource is None:
        return None
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return Sample(
        wall_s=time.monotonic(),
        loop_s=used.ru_utime + used.ru_stime,
        process_s=time.process_time(),
        delayed_s=delayed / 1e9,
        switches=used.ru_nvcsw + used.ru_nivcsw,
    )


def core_now() -> int | None:
    """The core that the calling thread runs on."""
    try:
        return int(_STAT.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[_PROCESSOR])
    except (OSError, ValueError, IndexError):
        return None


class CoreBinder(Actor):
    """Answers nothing; `kernel.cores` says where the threads are. `wanted` False: it leaves them alone; so it does from
    the moment on in which somebody else has chosen other cores for the loop's thread. `count` gives the counters of the
    calling thread."""

    def __init__(self, wanted: bool = True, count: Callable[[], Sample | None] = counters) -> None:
        super().__init__()
        self._wanted = wanted
        self._count = count
        self._placement = Placement()
        self._given = self._chosen = cores_here()

    def on_start(self) -> None:
        first = self._count() if self._wanted and len(self._given) > 1 else None
        if first is not None:
            self._last = first
            self._place()
            self.tell_after(INTERVAL_S, _Tick())

    def release(self) -> None:
        self._choose(self._given)

    def on_receive(self, message: Any) -> None:
        if cores_here() != self._chosen:
            self._given = self._chosen = self.kernel.cores = cores_here()
            return
        was, now = self._placement.shared, self._count()
        if now is not None:
            self._placement.decide(_between(self._last, now))
            self._last = now
        elif was:  # too many open files, perhaps: what is not seen may be wrong
            self._placement.give_up()
        if self._placement.shared != was:
            self._place()
        self.tell_after(INTERVAL_S, message)

    def _place(self) -> None:
        if not self._placement.shared:
            self._choose(self._given)
            return
        core = core_now()
        if core is None or not self._choose(frozenset({core})):
            self._placement.give_up()

    def _choose(self, cores: frozenset[int]) -> bool:
        """Only if the loop's thread may have them; the actors' threads follow with what they are given next."""
        if cores == self._chosen:
            return True
        if cores_here() != self._chosen or not stay_on(cores):
            return False
        self._chosen = self.kernel.cores = cores
        return True


def _between(before: Sample, after: Sample) -> Sample:
    return Sample(*(now - then for now, then in zip(astuple(after), astuple(before), strict=True)))
