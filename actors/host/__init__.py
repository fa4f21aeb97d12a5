"""What the node does about the process and the machine that it runs on.

placement       when the loop and its actors' own threads share a core: the rules
core_binder     the actor that measures, and binds the threads
heap_keeper     the actor that tells Python's garbage collector how much is in use
"""

from actors.host.core_binder import CoreBinder
from actors.host.heap_keeper import HeapKeeper

__all__ = ["CoreBinder", "HeapKeeper"]
