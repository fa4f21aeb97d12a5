"""The node's policy for Python's cyclic garbage collector.

Its defaults are made for short programs: a collection every 700 new objects, of which one in a hundred walks
everything that lives. With thousands of runs at work that took two thirds of the node's time (bench/engine.py), to
find next to nothing: actors and their messages are freed by reference counts.
"""

from __future__ import annotations

import gc

#: Net new objects before the youngest are looked at. A run at work has some 120 and leaves none that wait for a
#: collection (a test holds that); neither does a request. So each look walks what is in use, to no avail: 0.3 µs an
#: object, 0.15 s at this size, which is as long as anybody should wait for one.
YOUNG = 500_000
#: Collections of the young before the middle generation is looked at too: with 5,000 runs at work each such look took
#: tens of milliseconds, all of them together a fifth of the node's time, and found nothing.
AGE = 50
#: Collections of the middle generation before everything is looked at.
OLD_AGE = 20


def postpone_collections() -> None:
    """Has collections come less often, from before the node is loaded: until it is ready all that it makes stays, and
    to look at it again and again was a tenth of the start."""
    gc.set_threshold(YOUNG, AGE, OLD_AGE)


def settle_heap() -> None:
    """Takes what has been loaded until now (modules, SDKs, the tree) out of all later collections, and has these come
    less often. Call it once, when the node is ready; garbage that waits for a collection costs some 100 MB at most."""
    gc.collect()
    gc.freeze()
    postpone_collections()
