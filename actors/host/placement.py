"""When the loop's thread and the threads that it waits for share a core.

A commit goes from the loop's thread to the journal's and back. On two cores each of the two must wake a core that
sleeps, which on a virtual machine takes longer than the commit; on one core it is a switch from thread to thread. So
they share one while work comes in small portions, and part where

- the loop has so much to do that it hardly sleeps: what the other thread does beside it is then worth a core;
- one of the node's own threads works for long (a vacuum, a backup);
- somebody else wants that core: the system may not move the node's threads to a free one while they are bound.

The figures are of the node of `bench/durable` on two cores, shared and apart (thread switches a second of the loop, its
share of a core): one client 17,800 and 65 % shared, 3,900 and 58 % apart; ten 3,300 and 80 %, 1,000 and 74 %; fifty 700
and 86 %, 280 and 85 % (over the socket 1,400 to 2,000, and 600 to 1,000); 3,000 at once 390 and 91 %, 370 and 92 %.
Sharing spares 30 % of a step with one client and 15 % with ten; from fifty on it gains nothing, or costs up to a tenth.
"""

from __future__ import annotations

from msgspec import Struct

#: Of the time, spent waiting for the core while none of the node's own threads had it.
NEIGHBOUR = 0.1
#: Of the time, worked by the node's other threads.
LONG_WORK = 0.5
#: Of the time, worked by the loop's thread: above it the loop is busy, below the other it has time to spare.
BUSY, SPARE = 0.75, 0.5
#: Thread switches a second of the loop's thread: a busy loop that makes fewer hardly sleeps, one that makes more waits
#: for somebody again and again.
FEW, MANY = 2_200, 1_200
#: How long a core that is not the node's alone is left before it is tried again: doubled each time, up to the longest,
#: and forgotten once a core has been kept for that long.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


class Sample(Struct, frozen=True):
    """What the loop's thread did in the last `wall_s` seconds: it worked `loop_s`, was ready to work but waited for a
    core `delayed_s`, and was switched off or on `switches` times; all threads of the process worked `process_s`."""

    wall_s: float
    loop_s: float
    process_s: float
    delayed_s: float
    switches: int


class Placement:
    """Decides from sample to sample. Begins shared: a node that has just started has little to do."""

    def __init__(self) -> None:
        self.shared = True
        self._pause_s = FIRST_PAUSE_S
        self._left_s = 0.0
        self._kept_s = 0.0

    def decide(self, sample: Sample) -> bool:
        """Whether they share a core from now on."""
        if self.shared:
            self._kept_s += sample.wall_s
            if self._kept_s >= LONGEST_PAUSE_S:
                self._pause_s = FIRST_PAUSE_S
            if _disputed(sample):
                self.give_up()
            else:
                self.shared = not _hardly_sleeps(sample)
        elif self._left_s > 0:
            self._left_s -= sample.wall_s
        else:
            self.shared = _waits_often(sample)
            self._kept_s = 0.0
        return self.shared

    def give_up(self) -> None:
        """The core could not be had, or is not the node's alone: apart, for a while."""
        self.shared = False
        self._left_s = self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def _disputed(sample: Sample) -> bool:
    others_s = max(0.0, sample.process_s - sample.loop_s)
    foreign_s = sample.delayed_s - others_s
    return foreign_s > NEIGHBOUR * sample.wall_s or others_s > LONG_WORK * sample.wall_s


def _hardly_sleeps(sample: Sample) -> bool:
    return sample.loop_s > BUSY * sample.wall_s and sample.switches < FEW * sample.wall_s


def _waits_often(sample: Sample) -> bool:
    return sample.loop_s < SPARE * sample.wall_s or sample.switches > MANY * sample.wall_s
