"""The node's independent watchdog: a process of its own that enforces the node's kill switch when the loop is wedged.

pulse      what the node writes into shared memory: that its loop turns, and whether its kill switch is in force
verdict    when the watchdog must stop the node hard, as a decision over what it sees
latch      what it then leaves on the disk, so that the next start is held
guard      the process itself

It is started and watched by `runtime.daemon.keeper`. Nothing here imports anything of ours outside of this folder: the
process must be light, start at once, and hold where the node's own packages do not.
"""

from runtime.watchdog.pulse import Pulse

__all__ = ["Pulse"]
