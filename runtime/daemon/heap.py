"""The node's policy for Python's cyclic garbage collector.

Its defaults are made for short programs: a collection every 700 new objects, of which one in a hundred walks
everything that lives. With thousands of runs at work that took two thirds of the node's time (bench/engine.py), to
find next to nothing: actors and their messages are freed by reference counts.
"""

from __future__ import annotations

import gc

#: Net new objects before the youngest are looked at; a run at work has some two hundred.
YOUNG = 200_000
#: Collections of the young before the middle generation is looked at too: with 5,000 runs at work each such look took
#: tens of milliseconds, all of them together a fifth of the node's time, and found nothing.
AGE = 50
#: Collections of the middle generation before everything is looked at.
OLD_AGE = 20


def settle_heap() -> None:
    """Takes what has been loaded until now (modules, SDKs, the tree) out of all later collections, and has these come
    less often. Call it once, when the node is ready; garbage that waits for a collection costs some 40 MB at most."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, AGE, OLD_AGE)
