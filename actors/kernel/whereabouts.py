"""Where code is: the line at which a coroutine waits, or which an actor's own thread runs.

The innermost line is mostly asyncio's or the kernel's. The one that tells something is the innermost of the people who
wrote the actor, so lines of the kernel, of the standard library and of installed packages are passed over when there
are others.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.kernel.cell import Cell

_DEEPEST = 200
_FOREIGN = tuple(
    f"{place}/" for place in {str(Path(__file__).parent), *(sysconfig.get_paths()[k] for k in ("stdlib", "purelib"))}
)


def line_of_coroutine(work: Any) -> str | None:
    """`module:line in function` where `work` waits; None when it has not begun or is over."""
    frames: list[FrameType] = []
    while work is not None and len(frames) < _DEEPEST:
        frame = getattr(work, "cr_frame", None) or getattr(work, "gi_frame", None) or getattr(work, "ag_frame", None)
        if frame is None:
            break
        frames.append(frame)
        work = getattr(work, "cr_await", None) or getattr(work, "gi_yieldfrom", None) or getattr(work, "ag_await", None)
    return _telling(frames)


def line_of_thread(cell: Cell) -> str | None:
    """The line that the actor's own thread runs; None for actors without one."""
    thread = None if cell.actor is None else cell.actor.own_thread
    if thread is None or thread.ident is None:
        return None
    frame = sys._current_frames().get(thread.ident)  # pyright: ignore[reportPrivateUsage] - CPython's only way
    frames: list[FrameType] = []
    while frame is not None and len(frames) < _DEEPEST:
        frames.append(frame)
        frame = frame.f_back
    return _telling(frames[::-1])


def _telling(frames: list[FrameType]) -> str | None:
    """`frames`: outermost first."""
    if not frames:
        return None
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_FOREIGN)]
    frame = (own or frames)[-1]
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno} in {frame.f_code.co_qualname}"
