"""`HeapKeeper` tells Python's garbage collector how many objects are in use, so that it does not look through them.

The collector begins to look when so many new objects (net of those freed) stand there. It cannot know that they belong
to actors at work, which are freed by their reference counts: with 5,000 runs it held the whole node up for 0.1 to 0.3 s
in the moment in which there was most to do, and found nothing. So its threshold grows with the actors that live, and
what comes beyond them is looked through as before.

Failure: without it the collector looks as often as `runtime.daemon.heap` lets it.
"""

from __future__ import annotations

import gc
from typing import Any

from actors.kernel import Actor

PER_ACTOR = 40
"""Objects that the collector counts, for each living actor: a run of five steps that waits has 4 actors and some 120 of
them, with its client more (a test counts)."""
INTERVAL_S = 0.25


class _Tick:
    """Time to count again."""


class HeapKeeper(Actor):
    """Adds to the threshold of the youngest generation that others have set, and takes it off again when it ends."""

    def on_start(self) -> None:
        self._usual = self._set = gc.get_threshold()[0]
        self._allow(self.kernel.live)
        self.tell_after(INTERVAL_S, _Tick())

    def release(self) -> None:
        self._allow(0)

    def on_receive(self, message: Any) -> None:
        self._allow(self.kernel.live)
        self.tell_after(INTERVAL_S, message)

    def _allow(self, actors: int) -> None:
        young, *older = gc.get_threshold()
        if young != self._set:  # by somebody else: the daemon does it when the node is ready
            self._usual = young
        self._set = self._usual + PER_ACTOR * actors
        gc.set_threshold(self._set, *older)
