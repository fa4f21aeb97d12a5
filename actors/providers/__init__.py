"""Providers: whoever answers prompts, behind one small protocol, as actors.

protocol, errors, options   the seam; conversation has its turns and function calls
anthropic, gemini, offline  one provider a file; table lists them
prices, structured, edge    what they share
admission, verdicts         whose turn it is, and what a call tells the circuit breakers
connection, pool            the actors; `complete` is how everybody else gets an answer
"""

from actors.providers.connection import Complete, ConnectionActor, CountTokens
from actors.providers.conversation import FunctionCall, FunctionDeclaration, FunctionResult, Turn
from actors.providers.errors import (
    ProviderError,
    RefusedError,
    SpentError,
    TransientError,
    UnavailableError,
)
from actors.providers.events import CallQueued, CallTurnedAway, CallWaited, ProviderCalled
from actors.providers.options import ProviderOptions
from actors.providers.pool import (
    LookUpWindow,
    ProviderPool,
    complete,
    connection_name,
    count_tokens,
    pool_name,
    said,
    window_of,
)
from actors.providers.prices import InvalidPriceListError, Model, Price, PriceList
from actors.providers.protocol import NO_CALLER, Answer, Billed, Caller, Provider, Request, Usage
from actors.providers.table import PROVIDERS, ProviderEntry, provider_children
from actors.providers.verdicts import MISFITS

__all__ = [
    "MISFITS",
    "NO_CALLER",
    "PROVIDERS",
    "Answer",
    "Billed",
    "CallQueued",
    "CallTurnedAway",
    "CallWaited",
    "Caller",
    "Complete",
    "ConnectionActor",
    "CountTokens",
    "FunctionCall",
    "FunctionDeclaration",
    "FunctionResult",
    "InvalidPriceListError",
    "LookUpWindow",
    "Model",
    "Price",
    "PriceList",
    "Provider",
    "ProviderCalled",
    "ProviderEntry",
    "ProviderError",
    "ProviderOptions",
    "ProviderPool",
    "RefusedError",
    "Request",
    "SpentError",
    "TransientError",
    "Turn",
    "UnavailableError",
    "Usage",
    "complete",
    "connection_name",
    "count_tokens",
    "pool_name",
    "provider_children",
    "said",
    "window_of",
]
