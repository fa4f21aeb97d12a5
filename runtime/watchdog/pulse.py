"""What the node tells its watchdog without asking anybody: four numbers in memory that both processes map.

A pipe could fill up and a file could wait for a disk; a store to memory can do neither. Each number is written and
read as one aligned machine word.
"""

from __future__ import annotations

import mmap
import os
import tempfile

SIZE = 32


class Pulse:
    """The node's side and, with `fd`, the guard's. `beats` counts turns of the loop; `board` is 1 once kill switches
    are looked at; `in_force` is 1 while the node's switch is; `told` counts how often the node has said so."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = _memory() if fd is None else fd
        self._map = mmap.mmap(self.fd, SIZE)
        self._words = memoryview(self._map).cast("Q")

    @property
    def beats(self) -> int:
        """How often the loop has turned since the node began."""
        return self._words[0]

    def beat(self) -> None:
        """From the loop."""
        self._words[0] += 1

    @property
    def board(self) -> bool:
        """Whether somebody in the node looks at kill switches yet."""
        return self._words[1] == 1

    @property
    def in_force(self) -> bool:
        """Whether the node's kill switch is in force in the node."""
        return self._words[2] == 1

    @property
    def told(self) -> int:
        """Grows while the loop works off what the switch cut off, also within one long turn."""
        return self._words[3]

    def tell(self, *, in_force: bool) -> None:
        """From whoever applies the switches, at each change, and with all that ends by one."""
        self._words[3] += 1
        self._words[2] = int(in_force)
        self._words[1] = 1

    def close(self) -> None:
        """Gives the memory back; the other side keeps its own."""
        self._words.release()
        self._map.close()
        os.close(self.fd)


def _memory() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("evopipe-pulse")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SIZE)
    return fd
