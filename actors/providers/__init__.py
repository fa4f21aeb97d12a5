"""Providers: whoever answers prompts, behind one small protocol, as actors.

protocol, errors, options   the seam; conversation has its turns and function calls
anthropic, gemini, offline  one provider a file; table lists them
prices, structured, edge    what they share
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
from actors.providers.events import ProviderCalled
from actors.providers.options import ProviderOptions
from actors.providers.pool import (
    LookUpWindow,
    ProviderPool,
    complete,
    connection_name,
    count_tokens,
    pool_name,
    window_of,
)
from actors.providers.prices import InvalidPriceListError, Model, Price, PriceList
from actors.providers.protocol import Answer, Provider, Request, Usage
from actors.providers.table import PROVIDERS, ProviderEntry, provider_children

__all__ = [
    "PROVIDERS",
    "Answer",
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
    "window_of",
]
