"""Evolution as message-passing populations: the desk takes orders, a chamber runs each, an organism is each genome."""

from actors.evolution.chamber import BreedingChamber
from actors.evolution.desk import BreedingDesk
from actors.evolution.errors import (
    EvolutionError,
    EvolutionNotStartedError,
    EvolutionStillRunningError,
    EvolutionSwitchedOffError,
    InvalidOrderError,
    LedgerError,
    NoSuchEvolutionError,
    TooManyEvolutionsError,
)
from actors.evolution.ledger import read as read_ledger
from actors.evolution.messages import (
    OFFLINE_ROUTES,
    AwaitEvolution,
    CancelEvolution,
    Cull,
    Evaluate,
    EvolutionState,
    EvolutionsUnder,
    Evolve,
    GetEvolution,
    ListEvolutions,
    Sampled,
    Unsampled,
)
from actors.evolution.organism import Organism
from actors.evolution.specs import breeding_chamber_spec, chamber_name, organisms_name, tree_name

__all__ = [
    "OFFLINE_ROUTES",
    "AwaitEvolution",
    "BreedingChamber",
    "BreedingDesk",
    "CancelEvolution",
    "Cull",
    "Evaluate",
    "EvolutionError",
    "EvolutionNotStartedError",
    "EvolutionState",
    "EvolutionStillRunningError",
    "EvolutionSwitchedOffError",
    "EvolutionsUnder",
    "Evolve",
    "GetEvolution",
    "InvalidOrderError",
    "LedgerError",
    "ListEvolutions",
    "NoSuchEvolutionError",
    "Organism",
    "Sampled",
    "TooManyEvolutionsError",
    "Unsampled",
    "breeding_chamber_spec",
    "chamber_name",
    "organisms_name",
    "read_ledger",
    "tree_name",
]
