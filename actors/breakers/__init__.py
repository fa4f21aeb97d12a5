"""Circuit breakers applied: the desk keeps on the disk what the node's `BreakerPanel` decides, and takes orders.

The rules are in `pipelines.guardrails` (breaker, breaker_panel); whoever makes calls asks the panel itself.
"""

from actors.breakers.audit import Audit, unaudited
from actors.breakers.desk import BreakerDesk
from actors.breakers.files import STATE_FILE, BreakerFile
from actors.breakers.messages import (
    BreakerFacts,
    BreakerOrder,
    BreakersNow,
    BreakerStates,
    BreakerStateUnreadable,
    BreakerStateUnsaved,
    BreakerUnauditedError,
    OrderBreaker,
)

__all__ = [
    "STATE_FILE",
    "Audit",
    "BreakerDesk",
    "BreakerFacts",
    "BreakerFile",
    "BreakerOrder",
    "BreakerStateUnreadable",
    "BreakerStateUnsaved",
    "BreakerStates",
    "BreakerUnauditedError",
    "BreakersNow",
    "OrderBreaker",
    "unaudited",
]
