"""What the breeding desk refuses.

EvolutionError                    a stable `code`
├── InvalidOrderError             a figure of the order is out of range, or its id is not usable
├── NoSuchEvolutionError          nobody knows this evolution (also a LookupError)
├── EvolutionStillRunningError    it did not end in the time the caller gave (also a TimeoutError)
├── TooManyEvolutionsError        the desk's limit of live evolutions is reached
├── EvolutionSwitchedOffError     a kill switch forbids it
├── EvolutionNotStartedError      its chamber could not be started
└── LedgerError                   a ledger cannot be read or written
"""

from __future__ import annotations


class EvolutionError(Exception):
    """Base. The text is for people."""

    code = "evolution"


class InvalidOrderError(EvolutionError):
    """The order makes no sense; the text says which figure and what is expected."""

    code = "invalid_order"


class NoSuchEvolutionError(EvolutionError, LookupError):
    """There is no such evolution here."""

    code = "no_such_evolution"

    def __str__(self) -> str:
        return f"no evolution {self.args[0]!r} is known"


class EvolutionStillRunningError(EvolutionError, TimeoutError):
    """The evolution goes on; nothing was changed."""

    code = "evolution_still_running"


class TooManyEvolutionsError(EvolutionError):
    """Wait for one to end, or cancel one."""

    code = "too_many_evolutions"


class EvolutionSwitchedOffError(EvolutionError):
    """A triggered kill switch forbids it; the text says which, by whom and why."""

    code = "kill_switch"


class EvolutionNotStartedError(EvolutionError):
    """Its chamber could not be started; nothing runs."""

    code = "evolution_not_started"


class LedgerError(EvolutionError):
    """The ledger cannot be read or written; the text names the file and the line."""

    code = "ledger"
